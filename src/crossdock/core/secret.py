"""Secrets are typed, so that no log line, error or export shows one by accident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class Secret:
    """A value that never prints itself. `reveal()` is the one way to the text."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __bool__(self) -> bool:
        return bool(self._value)


@dataclass(frozen=True, slots=True)
class Credential:
    """What a connection needs to be let in: named secrets, plus what is public about them."""

    secrets: Mapping[str, Secret] = field(default_factory=dict)
    """e.g. client_id, client_secret, access_token, refresh_token, webhook_secret, api_key"""
    expires_at: float | None = None
    """When the access token ends, by civil time; None = it does not say."""
    account: str | None = None
    """The account that the platform named when it was connected (realmId, shop, portal)."""

    def get(self, name: str) -> str:
        """The secret's text, or "" when it is not there."""
        secret = self.secrets.get(name)
        return secret.reveal() if secret is not None else ""

    def with_secrets(self, expires_at: float | None, **values: str) -> Credential:
        merged = {**self.secrets, **{name: Secret(value) for name, value in values.items()}}
        return Credential(secrets=merged, expires_at=expires_at, account=self.account)
