"""SQL out: one request is one transaction, at a SQLite file or a PostgreSQL database.

What fails before the commit was not done, and that is certain: a transaction that does not commit never was. Only the
answer to the commit itself can be lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from crossdock.core import json
from crossdock.core.errors import TransportError
from crossdock.core.wire import Response, Sql, Wire
from crossdock.transports.egress import EgressGuard

MOST_ROWS = 1000
"""of the last statement's answer"""


class Database(Protocol):
    async def exchange(self, request: Sql, deadline_s: float) -> Response: ...

    async def close(self) -> None: ...


class SqlTransport:
    """One for a hub. `folder` is where relative paths of SQLite files begin.

    Answers with status 200 and `{"changed": [rows, …], "rows": [[…], …]}`: rows changed by each statement, None for one
    that was left out, and what the last one selected. A statement that the database refuses is answered with status
    400, the database's own words, and its code in the header `sqlstate` or `sqlite-code`; nothing was done then."""

    def __init__(self, *, guard: EgressGuard, folder: Path) -> None:
        self._guard = guard
        self._folder = folder
        self._files: dict[str, Database] = {}
        self._servers: dict[tuple[str, str], Database] = {}

    async def exchange(self, request: Wire, deadline_s: float) -> Response:
        """See `core.transport.Transport`."""
        assert isinstance(request, Sql)
        scheme, _, rest = request.database.partition(":")
        database = self._file(rest) if scheme == "sqlite" else self._server(request)
        return await database.exchange(request, deadline_s)

    async def close(self) -> None:
        for database in (*self._files.values(), *self._servers.values()):
            await database.close()
        self._files.clear()
        self._servers.clear()

    def _file(self, path: str) -> Database:
        from crossdock.transports.sql_file import SqliteFile

        if path not in self._files:
            self._files[path] = SqliteFile(self._folder / path)
        return self._files[path]

    def _server(self, request: Sql) -> Database:
        from crossdock.transports.sql_server import PostgresServer

        password = request.password.reveal() if request.password is not None else ""
        place = (request.database, password)
        if place not in self._servers:
            self._servers[place] = PostgresServer(request.database, password, self._guard)
        return self._servers[place]


def done(changed: Sequence[int | None], rows: Sequence[Sequence[Any]]) -> Response:
    body = json.encode({"changed": changed, "rows": [list(row) for row in rows[:MOST_ROWS]]})
    return Response(200, {"content-type": "application/json"}, body)


def refused(header: Mapping[str, str], said: str) -> Response:
    return Response(400, {"content-type": "text/plain", **header}, said.encode())


def not_done(what: str, hint: str = "") -> TransportError:
    """Nothing was committed."""
    return TransportError(what, sent=False, hint=hint)
