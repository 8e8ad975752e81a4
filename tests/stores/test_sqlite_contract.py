"""The contract, kept by SQLite: on its thread, inline, in memory, and when every append comes twice."""

from typing import cast

from crossdock.core.store import Store
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.appends_twice import AppendsTwice
from crossdock.testing.store_contract import StoreContract


class TestThread(StoreContract):
    async def open_store(self) -> Store:
        return SqliteStore(self.folder / "hub.db")


class TestInline(StoreContract):
    async def open_store(self) -> Store:
        return SqliteStore(self.folder / "hub.db", executor="inline")


class TestAppendsTwice(StoreContract):
    async def open_store(self) -> Store:
        return cast("Store", AppendsTwice(SqliteStore(self.folder / "hub.db")))
