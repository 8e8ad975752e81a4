"""The contract, kept by PostgreSQL; and how it opens."""

import builtins
from typing import Any

import asyncpg
import pytest

from crossdock.core.errors import StoreError
from crossdock.core.store import Store
from crossdock.core.work import Count, Work
from crossdock.stores import open_store
from crossdock.stores.postgres import PostgresStore, opening
from crossdock.testing.store_contract import StoreContract
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit


class TestPostgres(StoreContract):
    url = ""

    @pytest.fixture(autouse=True)
    def _emptied(self, url: str) -> None:
        self.url = url

    async def open_store(self) -> Store:
        return PostgresStore(self.url, time="caller")


async def test_a_newer_schema_refuses_an_older_program(url: str) -> None:
    store = PostgresStore(url)
    await store.counts()
    await store.close()
    connection = await asyncpg.connect(url)
    await connection.execute(f"INSERT INTO {opening.SCHEMA}.schema_version VALUES (999)")
    await connection.close()
    store = PostgresStore(url)
    with pytest.raises(StoreError, match="newer Crossdock: its schema is 999"):
        await store.apply(Work("w"))
    await store.close()


async def test_a_store_of_the_first_version_is_brought_up_to_date_with_what_it_holds(url: str) -> None:
    connection = await asyncpg.connect(url, server_settings=opening.SETTINGS)
    await connection.execute(f"CREATE SCHEMA {opening.SCHEMA}; CREATE TABLE schema_version (version integer NOT NULL)")
    await connection.execute(opening.migrations()[0])
    await connection.execute("INSERT INTO schema_version VALUES (1); INSERT INTO counts VALUES ('flow/f', 'read', 7)")
    await connection.close()
    store = PostgresStore(url)
    await commit(store, "w", counts=(Count("flow/f", "read", 2),), messages=(a.message("1"),))
    assert await store.counts() == {("flow/f", "read"): 9}
    await store.close()


async def test_a_server_that_is_not_there_is_a_store_error(tmp_path: Any) -> None:
    store = PostgresStore(f"postgresql://hub@/postgres?host={tmp_path}")
    with pytest.raises(StoreError, match="PostgreSQL cannot be reached"):
        await store.apply(Work("w"))
    await store.close()


async def test_a_schema_that_cannot_be_made_is_a_store_error(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE SCHEMA {opening.SCHEMA}; CREATE TABLE {opening.SCHEMA}.works (somebody text)")
    await connection.close()
    store = PostgresStore(url)
    with pytest.raises(StoreError, match=r"cannot be made or brought up to date: .*works"):
        await store.counts()
    await store.close()


async def test_a_schema_that_is_being_moved_is_a_store_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "ANSWER_S", 0.3)
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", opening.LOCK)
        store = PostgresStore(url)
        with pytest.raises(StoreError, match="another program has held this store's schema"):
            await store.counts()
    assert await store.counts() == {}, "and is asked again"
    await store.close()
    await connection.close()


def test_without_the_driver_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "asyncpg":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StoreError, match=r"pip install 'crossdock\[postgres\]'"):
        open_store("postgresql://hub@localhost/hub")
