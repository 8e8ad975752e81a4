"""Credentials as they were last read from the vault, so that not every request reads them."""

from __future__ import annotations

from collections import Counter

from crossdock.core.secret import Credential
from crossdock.engine.context import Context


class Kept:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str, Credential] = {}
        self._forgotten: Counter[str] = Counter()
        """connection → how often; so a slow reading does not bring back what a person has changed meanwhile"""

    def known(self, connection: str) -> Credential | None:
        return self._known.get(connection)

    async def get(self, connection: str) -> Credential:
        """Raises CredentialError when it cannot be opened."""
        return self._known.get(connection) or await self.read(connection)

    async def read(self, connection: str) -> Credential:
        """From the vault, as it is now. Raises CredentialError."""
        while True:
            before = self._forgotten[connection]
            credential = await self._context.vault.credential(connection)
            if before == self._forgotten[connection]:
                self._known[connection] = credential
                return credential

    def forget(self, connection: str) -> None:
        """A person has changed it."""
        self._known.pop(connection, None)
        self._forgotten[connection] += 1
