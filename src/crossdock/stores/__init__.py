"""Where a hub keeps its log and its states; every store passes the same contract suite."""

from __future__ import annotations

from crossdock.core.errors import StoreError
from crossdock.core.store import Store


def open_for_reading(url: str) -> Store:
    """The same, also while a hub holds it. Raises StoreError; what is not there is not made."""
    scheme, _, path = url.partition(":")
    if scheme == "sqlite" and path:
        from crossdock.stores.sqlite import SqliteStore

        return SqliteStore.open_readonly(path)
    return open_store(url)


def open_store(url: str) -> Store:
    """`sqlite:PATH` or `postgresql://…`. Raises StoreError."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest:
        from crossdock.stores.sqlite import SqliteStore

        return SqliteStore(rest)
    if scheme in {"postgresql", "postgres"}:
        from crossdock.stores.postgres import PostgresStore

        return PostgresStore(url)
    raise StoreError(f"no store is called {scheme!r}", hint="Write `sqlite:PATH` or `postgresql://USER@HOST/DATABASE`.")
