"""A SQLite file that another program owns: one connection, on a thread of its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw

from crossdock.core.errors import TransportError
from crossdock.core.wire import Response, Sql
from crossdock.transports.sql import done, not_done, refused

HUBS_OWN = 0x58444F4B
"""The application id of a hub's store: no flow may write there."""
LARGEST = (1 << 63) - 1


class SqliteFile:
    """The file must exist: a misspelt path makes no new database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, f"sql {path.name}")
        self._connection: apsw.Connection | None = None
        self._file: tuple[int, int] | None = None
        """which one is open"""
        self._set_up: set[str] = set()

    async def exchange(self, request: Sql, deadline_s: float) -> Response:
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._thread, self._transact, request, deadline_s)
        finished, _ = await asyncio.wait({work}, timeout=deadline_s)
        if not finished and self._connection is not None:
            self._connection.interrupt()  # what is interrupted is rolled back, and says so at once
        return await work

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _transact(self, request: Sql, deadline_s: float) -> Response:
        committing = False
        try:
            connection = self._opened(request)
            connection.set_busy_timeout(max(int(deadline_s * 1000), 1))
            connection.execute("BEGIN IMMEDIATE")
            changed, rows = _run(connection, request)
            committing = True
            connection.execute("COMMIT")
        except apsw.Error as error:
            self._roll_back()
            name = apsw.mapping_result_codes[getattr(error, "result", apsw.SQLITE_ERROR)]
            if committing and not isinstance(error, apsw.BusyError | apsw.ConstraintError | apsw.FullError):
                raise TransportError(f"{self._path} may or may not have committed: {error}", sent=True) from None
            return refused({"sqlite-code": str(name)}, str(error))
        return done(changed, rows)

    def _opened(self, request: Sql) -> apsw.Connection:
        if self._file != _file_at(self._path):
            self._close()  # another one has been put in its place: what is written into the old one is lost
        if self._connection is None:
            if not self._path.is_file():
                raise not_done(f"there is no database at {self._path}", "Make it and its tables first.")
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
            if connection.pragma("application_id") == HUBS_OWN:
                connection.close()
                raise not_done(f"{self._path} is a hub's own store", "No flow may write there.")
            connection.pragma("foreign_keys", "ON")
            connection.pragma("synchronous", "FULL")
            self._connection, self._file = connection, _file_at(self._path)
            self._set_up.clear()
        for statement in request.setup:
            if statement not in self._set_up:
                self._connection.execute(statement)
                self._set_up.add(statement)
        return self._connection

    def _roll_back(self) -> None:
        """What cannot be rolled back is closed, which does the same."""
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            self._close()


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _run(connection: apsw.Connection, request: Sql) -> tuple[list[int | None], list[Any]]:
    changed: list[int | None] = []
    rows: list[Any] = []
    for statement in request.statements:
        if statement.if_first and not changed[0]:
            changed.append(None)
            continue
        rows = connection.execute(statement.text, [_bound(value) for value in statement.values]).fetchall()
        changed.append(connection.changes())
    return changed, rows


def _bound(value: Any) -> Any:
    """A number that no column holds is text, with every digit."""
    if isinstance(value, bool):
        return int(value)
    return str(value) if isinstance(value, int) and not -LARGEST - 1 <= value <= LARGEST else value
