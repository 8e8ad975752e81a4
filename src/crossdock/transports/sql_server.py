"""A PostgreSQL database, through asyncpg (the extra `postgres`)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

from crossdock.core.errors import CredentialError, TransportError
from crossdock.core.wire import Response, Sql
from crossdock.transports.egress import EgressGuard
from crossdock.transports.sql import done, not_done, refused

MOST_CONNECTIONS = 8
IDLE_S = 60.0
LOOK_UP_S = 30.0
"""for the server's name, at most"""
CUT_OFF = ("", "08", "57")
"""SQLSTATE classes of a server that ends: whether it committed before, it does not say."""
BY_THE_DATABASE = (
    "bool", "int2", "int4", "int8", "numeric", "float4", "float8", "varchar", "bpchar", "text", "date", "time",
    "timetz", "timestamp", "timestamptz", "interval", "json", "jsonb", "uuid",
)  # fmt: skip
"""Types whose values go as text: the database reads them, and its own words say what it cannot read."""


class PostgresServer:
    def __init__(self, url: str, password: str, guard: EgressGuard) -> None:
        self._url = url
        self._password = password
        self._guard = guard
        self._pool: Any = None
        self._opening = asyncio.Lock()
        self._set_up: set[str] = set()

    async def exchange(self, request: Sql, deadline_s: float) -> Response:
        asyncpg = _driver()
        ends_at = asyncio.get_running_loop().time() + deadline_s
        committing = False
        try:
            async with asyncio.timeout_at(ends_at):
                pool = await self._opened()
                await self._prepare(pool, request)
                async with pool.acquire() as connection:
                    transaction = connection.transaction()
                    await transaction.start()
                    try:
                        changed, rows = await _run(connection, request)
                    except BaseException:
                        await _roll_back(connection, transaction)
                        raise
                    committing = True
                    await transaction.commit()
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            raise CredentialError(
                f"the database lets the hub not in: {error}", hint="crossdock secrets set CONNECTION password"
            ) from None
        except asyncpg.PostgresError as error:
            if committing and (error.sqlstate or "")[:2] in CUT_OFF:
                raise TransportError(f"it may or may not have committed: {error}", sent=True) from None
            return refused({"sqlstate": error.sqlstate or "XX000"}, str(error))
        # The driver calls it its own mistake where a connection is ended amid its start.
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            said = str(error) or f"no answer within {deadline_s:g} s"
            if committing:
                raise TransportError(f"it may or may not have committed: {said}", sent=True) from None
            if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
                return refused({"sqlstate": "22000"}, said)
            raise not_done(f"the database cannot be asked: {said}") from None
        return done(changed, rows)

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    async def _opened(self) -> Any:
        async with self._opening:
            if self._pool is None:
                self._pool = await _driver().create_pool(
                    self._url,
                    min_size=0,
                    max_size=MOST_CONNECTIONS,
                    max_inactive_connection_lifetime=IDLE_S,
                    connect=self._connect,
                    init=_reads_text,
                    **({"password": self._password} if self._password else {}),
                )
        return self._pool

    async def _connect(self, *place: Any, **options: Any) -> Any:
        """The name is looked up for each connection: a server that has moved is found at its new address."""
        host = await self._host()
        return await _driver().connect(*place, **options, **({"host": host} if host else {}))

    async def _host(self) -> str:
        """The address that the guard admits; "" for a socket file of this machine."""
        parts = urlsplit(self._url)
        asked = parse_qs(parts.query)
        host = parts.hostname or asked.get("host", [""])[0]
        if host.startswith("/"):
            return ""
        port = parts.port or int(asked.get("port", ["5432"])[0])
        addresses = await self._guard.admit("postgresql", host or "localhost", port, LOOK_UP_S)
        return str(addresses[0])

    async def _prepare(self, pool: Any, request: Sql) -> None:
        """What must exist, once. Where the hub may make nothing, a person has made it, or the statement will say so."""
        asyncpg = _driver()
        for statement in request.setup:
            if statement in self._set_up:
                continue
            just_made = asyncpg.UniqueViolationError, asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError
            with contextlib.suppress(asyncpg.InsufficientPrivilegeError, *just_made):
                await pool.execute(statement)
            self._set_up.add(statement)


async def _run(connection: Any, request: Sql) -> tuple[list[int | None], list[Any]]:
    changed: list[int | None] = []
    rows: list[Any] = []
    for statement in request.statements:
        if statement.if_first and not changed[0]:
            changed.append(None)
            continue
        prepared = await connection.prepare(statement.text)
        rows = await prepared.fetch(*map(_bound, statement.values))
        changed.append(_rows_in(prepared.get_statusmsg()))
    return changed, rows


async def _roll_back(connection: Any, transaction: Any) -> None:
    """What cannot be rolled back is cut off, which does the same."""
    try:
        async with asyncio.timeout(1.0):
            await transaction.rollback()
    except Exception:
        with contextlib.suppress(_driver().InterfaceError):  # it is gone already
            connection.terminate()


async def _reads_text(connection: Any) -> None:
    for name in BY_THE_DATABASE:
        await connection.set_type_codec(name, schema="pg_catalog", encoder=str, decoder=str, format="text")


def _rows_in(tag: str) -> int:
    """Of `INSERT 0 1`, `UPDATE 3`, `SELECT 2`."""
    last = tag.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0


def _bound(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _driver() -> Any:
    """asyncpg, imported when a database is first asked."""
    try:
        import asyncpg  # type: ignore[import-untyped]
    except ImportError:
        raise not_done("PostgreSQL needs its driver", 'Install it: pip install "crossdock[postgres]"') from None
    return asyncpg
