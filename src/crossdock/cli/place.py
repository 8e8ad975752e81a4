"""Where a command works: a project's folder, an environment, and what follows from them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from crossdock.cli.show import hide
from crossdock.core.errors import CredentialError, ProjectError, UsageError
from crossdock.core.store import Store
from crossdock.models.violation import nearest
from crossdock.project import ENVIRONMENTS
from crossdock.project.settings import store_of, store_url
from crossdock.project.sources import read_sources
from crossdock.security.keyring import KeyringError, has_keyring, load_keyring
from crossdock.security.vault import Vault
from crossdock.server.serve import LONGEST_SOCKET_PATH
from crossdock.stores import open_for_reading

STATE = ".crossdock"


@dataclass(frozen=True, slots=True)
class Place:
    folder: Path
    environment: str
    name: str
    """the hub's"""
    store_url: str
    connections: tuple[str, ...]
    flows: tuple[str, ...]

    @property
    def socket_path(self) -> Path:
        return socket_path(self.folder, self.environment)

    @property
    def never_ran(self) -> bool:
        """There is no store yet."""
        scheme, _, path = self.store_url.partition(":")
        return scheme == "sqlite" and not Path(path).exists()

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Store]:
        """The store, for reading, also while a hub holds it; its secrets are kept out of what is shown from here on.
        Raises StoreError."""
        store = open_for_reading(self.store_url)
        try:
            await self._hide_secrets(store)
            yield store
        finally:
            await store.close()

    async def _hide_secrets(self, store: Store) -> None:
        """Those that can be opened: what is wrong with a vault is told by who needs it."""
        with contextlib.suppress(CredentialError, KeyringError):
            if has_keyring(self.folder):
                vault = Vault(store, load_keyring(self.folder), tell=hide)
                for connection in await vault.names():
                    await vault.credential(connection)


def place_of(folder: Path, environment: str) -> Place:
    """Needs no more of the project than that its files can be read, so it serves when a map is broken too. Raises
    ProjectError, UsageError."""
    if environment not in ENVIRONMENTS:
        meant = nearest(environment, ENVIRONMENTS)
        hint = f"did you mean {meant}?" if meant else f"there are: {', '.join(ENVIRONMENTS)}"
        raise UsageError(f"there is no environment {environment!r}", hint=hint)
    sources = read_sources(folder)
    if sources.hub is None:
        raise ProjectError(sources.problems)
    hub = sources.hub.said
    url = store_url(folder, store_of(hub, environment))
    return Place(folder, environment, hub.name, url, tuple(sorted(sources.connections)), tuple(sorted(sources.flows)))


def socket_path(folder: Path, environment: str) -> Path:
    """Where a running hub listens for this user's commands. Deep folders, whose path no socket can have, get a place
    of this user's among the temporary files."""
    path = folder.resolve() / STATE / f"{environment}.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    short = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"crossdock-{os.getuid()}" / f"{short}.sock"
