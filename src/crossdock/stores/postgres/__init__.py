"""The store on PostgreSQL, shared by workers."""

from crossdock.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
