"""The destination of class inbox, which plain HTTP has not: a table, in a SQLite file or a PostgreSQL server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw

from crossdock.core import json
from crossdock.stores.postgres.opening import driver
from crossdock.testing.chaos.landing import FLOW, FLOWS
from crossdock.testing.chaos.oracle import BAD, Oracle

INBOX = "inbox"
ALL = (*FLOWS, INBOX)
_TABLE = (
    "CREATE TABLE log (number {number} PRIMARY KEY, entity text, said text,"
    f" name text CHECK (name NOT LIKE '%{BAD}%'))"
)
_ROWS = "SELECT entity, said FROM log ORDER BY number"
_CONNECTION = """
connector: sql
settings:
  database: {database}
  password: false
  actions:
    write: {{do: insert, table: log, columns: {{entity: reference, said: email, name: full_name}}}}
"""
_ATTEMPTS = 20
"""A database that is away says each time that nothing was done."""


class Warehouse:
    """`url`: of a server in which to make a database; else a file of this name is made."""

    def __init__(self, url: str = "", file: Path = Path()) -> None:
        self._url = url
        self._file = file
        if url:
            asyncio.run(self._make())
        else:
            connection = apsw.Connection(str(file))
            connection.execute(_TABLE.format(number="integer"))
            connection.close()

    def join(self, project: Path, address: str = "", timeout: str = "30s") -> None:
        """Adds the connection and its flow. `address`: where the project reaches the server, if not by its socket."""
        database = f"sqlite:{self._file}"
        if self._url:
            database = f"postgresql://hub@{address}/warehouse" if address else self._within
        (project / "connections" / f"{INBOX}.yaml").write_text(
            _CONNECTION.format(database=json.encode(database).decode())
        )
        (project / "flows" / f"{INBOX}.yaml").write_text(FLOW.format(to=INBOX, attempts=_ATTEMPTS, timeout=timeout))

    def tell(self, there: Oracle) -> None:
        """The judge reads it with the others."""
        rows = asyncio.run(self._rows()) if self._url else self._rows_of_file()
        for entity, said in rows:
            there.made[INBOX][entity].append(said)

    @property
    def _within(self) -> str:
        return self._url.replace("/postgres?", "/warehouse?")

    async def _make(self) -> None:
        connection = await driver().connect(self._url)
        await connection.execute("CREATE DATABASE warehouse")
        await connection.close()
        connection = await driver().connect(self._within)
        await connection.execute(_TABLE.format(number="bigserial"))
        await connection.close()

    async def _rows(self) -> list[tuple[str, str]]:
        connection = await driver().connect(self._within)
        try:
            return [tuple(row) for row in await connection.fetch(_ROWS)]
        finally:
            await connection.close()

    def _rows_of_file(self) -> list[tuple[str, str]]:
        connection = apsw.Connection(str(self._file))
        try:
            return [(str(entity), str(said)) for entity, said in connection.execute(_ROWS)]
        finally:
            connection.close()
