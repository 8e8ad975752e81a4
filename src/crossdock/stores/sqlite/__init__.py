"""The store on one SQLite file, through one writer thread with group commit."""

from crossdock.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
