"""Tokens: a private app's static one, and OAuth with access tokens of half an hour.

A refresh answers with the same refresh token again, which lives until it is revoked (non-rotation: unverified).

Source: HubSpot's public API specification, OAuth 2026-03 (form fields, `expires_in` of 1800, introspection,
revocation).
"""

import hmac
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ACCESS_S: Final = 1800
CODE_S: Final = 600

SCOPES: Final = (
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.schemas.deals.read",
    "crm.schemas.deals.write",
    "oauth",
)


class OAuthError(Exception):
    """A refusal: HTTP status and body, in the shape of RFC 6749 beside the platform's own."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.body = {"status": status, "message": message, "error": "invalid_grant", "error_description": message}


@dataclass(frozen=True)
class Grant:
    scopes: frozenset[str]
    expires_at: float | None = None
    oauth: bool = True

    def is_over(self, now: float) -> bool:
        return self.expires_at is not None and now >= self.expires_at


@dataclass
class TokenOffice:
    """`now` is simulated time throughout."""

    client_id: str
    client_secret: str
    portal_id: int
    rng: random.Random
    access: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, frozenset[str]] = field(default_factory=dict)
    codes: dict[str, tuple[str, frozenset[str], float]] = field(default_factory=dict)

    def issue_private(self) -> str:
        """A legacy private app's token: static, until the app is removed."""
        token = "pat-na1-" + "-".join(f"{self.rng.getrandbits(bits):0{bits // 4}x}" for bits in (32, 16, 16, 16, 48))
        self.access[token] = Grant(frozenset(SCOPES), oauth=False)
        return token

    def authorize(self, query: Mapping[str, str], now: float) -> dict[str, str]:
        """Query parameters to send the user back with; consent is always given. Raises OAuthError."""
        if query.get("client_id") != self.client_id or not query.get("redirect_uri"):
            raise OAuthError("BAD_CLIENT_ID", "missing or unknown client id or redirect_uri")
        scopes = frozenset(query.get("scope", "").split()) or frozenset(SCOPES)
        code = f"{self.rng.getrandbits(128):032x}"
        self.codes[code] = (query["redirect_uri"], scopes, now + CODE_S)
        state = query.get("state")
        return {"code": code} | ({"state": state} if state is not None else {})

    def token(self, form: Mapping[str, str], now: float) -> dict[str, Any]:
        """Raises OAuthError."""
        self._check_client(form)
        match form.get("grant_type"):
            case "authorization_code":
                redirect_uri, scopes, ends_at = self.codes.pop(form.get("code", ""), ("", frozenset[str](), 0.0))
                if now >= ends_at or redirect_uri != form.get("redirect_uri"):
                    raise OAuthError("BAD_AUTH_CODE", "missing or unknown auth code")
                refresh = f"na1-{self.rng.getrandbits(1024):0256x}"
                self.refresh[refresh] = scopes
                return self._granted(scopes, refresh, now)
            case "refresh_token":
                refresh = form.get("refresh_token", "")
                if refresh not in self.refresh:
                    raise OAuthError("BAD_REFRESH_TOKEN", "missing or invalid refresh token")
                return self._granted(self.refresh[refresh], refresh, now)
            case "client_credentials":
                return self._granted(frozenset(SCOPES), None, now)
        raise OAuthError("BAD_GRANT_TYPE", "missing or unknown grant type")

    def introspect(self, token: str, now: float) -> dict[str, Any]:
        grant = self.access.get(token)
        active = token in self.refresh or (grant is not None and not grant.is_over(now))
        return {"active": active, "hub_id": self.portal_id, "client_id": self.client_id}

    def revoke(self, form: Mapping[str, str]) -> None:
        """Raises OAuthError."""
        self._check_client(form)
        self.access.pop(form.get("token", ""), None)
        self.refresh.pop(form.get("token", ""), None)

    def _check_client(self, form: Mapping[str, str]) -> None:
        secret = form.get("client_secret", "").encode()
        if form.get("client_id") != self.client_id or not hmac.compare_digest(secret, self.client_secret.encode()):
            raise OAuthError("BAD_CLIENT_SECRET", "missing or invalid client id or secret")

    def _granted(self, scopes: frozenset[str], refresh: str | None, now: float) -> dict[str, Any]:
        access = f"C{self.rng.getrandbits(1024):0256x}"
        self.access[access] = Grant(scopes, now + ACCESS_S)
        return {
            "token_type": "bearer",
            "token_use": "access_token",
            "access_token": access,
            "expires_in": ACCESS_S,
            "hub_id": self.portal_id,
            "user_id": 1,
            "scopes": sorted(scopes),
        } | ({"refresh_token": refresh} if refresh else {})
