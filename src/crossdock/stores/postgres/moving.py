"""A PostgreSQL store's rows in the form that all stores share, both ways. For a hub that is stopped."""

# Only constants of this package are written into SQL; what comes from outside is bound.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from crossdock.core.errors import StoreError
from crossdock.stores.postgres.opening import LOCK, SCHEMA, connect, driver
from crossdock.stores.tables import TABLES, at_once

Row = Sequence[Any]

_ORDER = dict.fromkeys(("deliveries", "exchanges"), " ORDER BY seq")
_SUMMED = {"counts": ("scope", "name"), "tallies": ("kind", "name", "state")}
"""Kept in several slots here."""
_READ = {"lanes": {"worker": "''::text", "until": "0.0::double precision"}}


class PostgresMoving:
    """Raises StoreError where a hub is at work on it."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._connection: Any = None
        self._transaction: Any = None

    @classmethod
    async def open(cls, url: str) -> PostgresMoving:
        """Brings the schema up to date first."""
        moving = cls(await connect(url))
        try:
            await moving._begin()
            await moving.refuse_a_running_hub()
        except BaseException:
            await moving.close()
            raise
        return moving

    async def _begin(self) -> None:
        """From here on no hub opens the store: they wait for this lock."""
        self._connection = await self._pool.acquire()
        await self._connection.execute("SET idle_in_transaction_session_timeout = 0")
        self._transaction = self._connection.transaction(isolation="repeatable_read")
        await self._transaction.start()
        await self._connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)

    async def refuse_a_running_hub(self) -> None:
        """As it is now, and not as it was when the rows began to be read: one that had opened the store before may have
        begun to work since."""
        running = await self._pool.fetchval(
            "SELECT worker FROM lanes WHERE worker <> '' AND until > extract(epoch FROM clock_timestamp()) LIMIT 1"
        )
        if running:
            raise StoreError(
                f"a hub is at work on this store: worker {running}",
                hint="Stop it first. One that was killed is waited for until its leases end: ten seconds.",
            )

    async def close(self) -> None:
        """What was loaded and not committed is gone."""
        self._pool.terminate()

    async def amounts(self) -> Mapping[str, int]:
        fetch = self._connection.fetchval
        return {
            table: await fetch(
                f"SELECT count(*) FROM (SELECT DISTINCT {', '.join(_SUMMED[table])} FROM {table}) AS one"
                if table in _SUMMED
                else f"SELECT count(*) FROM {table}"
            )
            for table in TABLES
        }

    async def rows(self, table: str) -> AsyncIterator[Sequence[Row]]:
        exprs = _READ.get(table, {})
        columns = ", ".join(exprs.get(column, column) for column in TABLES[table])
        query = f"SELECT {columns} FROM {table}{_ORDER.get(table, '')}"
        if table in _SUMMED:
            names = ", ".join(_SUMMED[table])
            query = f"SELECT {names}, sum(amount)::bigint FROM {table} GROUP BY {names}"
        cursor = await self._connection.cursor(query)
        while page := await cursor.fetch(at_once(table)):
            yield [tuple(row) for row in page]

    async def begin(self) -> None:
        """It has begun: see `open`."""

    async def load(self, table: str, rows: Sequence[Row]) -> None:
        asyncpg = driver()
        try:
            await self._connection.copy_records_to_table(
                table, schema_name=SCHEMA, columns=TABLES[table], records=[tuple(row) for row in rows]
            )
        except asyncpg.PostgresError as error:
            raise StoreError(f"PostgreSQL does not take a row of {table}: {error}") from error

    async def commit(self) -> None:
        await self._transaction.commit()
        self._transaction = None

    async def put_cell(self, name: str, value: bytes | None) -> None:
        """Alone, in a commit of its own beside what is being read, which goes on to hold the store; None removes it."""
        if value is None:
            await self._pool.execute("DELETE FROM cells WHERE name = $1", name)
        else:
            await self._pool.execute(
                "INSERT INTO cells VALUES ($1, 1, $2) ON CONFLICT (name) DO UPDATE SET value = $2", name, value
            )
