"""A PostgreSQL store's rows in the form that all stores share, both ways. For a hub that is stopped."""

# Only constants of this package are written into SQL; what comes from outside is bound.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from crossdock.core.errors import StoreError
from crossdock.stores.postgres.opening import LOCK, SCHEMA, connect, driver
from crossdock.stores.tables import MOVED, TABLES, at_once

Row = Sequence[Any]

_ORDER = dict.fromkeys(("deliveries", "exchanges"), " ORDER BY seq")
_SUMMED = {"counts": ("scope", "name"), "tallies": ("kind", "name", "state")}
"""Kept in several slots here."""
_WRITTEN = ("works", "lanes")
"""By all that a hub does."""
_REFUSE = f"""
CREATE OR REPLACE FUNCTION refuse_what_has_moved() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'this store was copied elsewhere: the hub goes on there'; END $$;
{
    "".join(
        f"CREATE OR REPLACE TRIGGER moved BEFORE INSERT OR UPDATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_what_has_moved();"
        for table in _WRITTEN
    )
}"""
_REFUSE_NO_MORE = "DROP FUNCTION IF EXISTS refuse_what_has_moved CASCADE"
_READ = {"lanes": {"worker": "''::text", "until": "0.0::double precision"}}


class PostgresMoving:
    """Raises StoreError where a hub is at work on it. One that has it open and begins meanwhile waits, and may not."""

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
            await moving._refuse_a_running_hub()
        except BaseException:
            await moving.close()
            raise
        return moving

    async def _begin(self) -> None:
        """From here on no hub opens the store, and none writes to it: they wait for these locks."""
        self._connection = await self._pool.acquire()
        await self._connection.execute("SET idle_in_transaction_session_timeout = 0")
        await self._connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        self._transaction = self._connection.transaction(isolation="repeatable_read")
        await self._transaction.start()
        # Before anything is read: what is read is as it was then.
        await self._connection.execute(f"LOCK TABLE {', '.join(_WRITTEN)} IN SHARE ROW EXCLUSIVE MODE")

    async def _refuse_a_running_hub(self) -> None:
        running = await self._connection.fetchval(
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

    async def moved(self) -> bytes | None:
        found: bytes | None = await self._connection.fetchval("SELECT value FROM cells WHERE name = $1", MOVED)
        return found

    async def mark(self, value: bytes) -> None:
        """Ends the reading. The store itself refuses a hub's writes then, also of one that has it open."""
        await self._connection.execute(
            "INSERT INTO cells VALUES ($1, 1, $2) ON CONFLICT (name) DO UPDATE SET value = $2", MOVED, value
        )
        await self._connection.execute(_REFUSE)
        await self.commit()

    async def unmark(self) -> None:
        await self._connection.execute("DELETE FROM cells WHERE name = $1", MOVED)
        await self._connection.execute(_REFUSE_NO_MORE)
        await self.commit()
