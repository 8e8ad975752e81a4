"""Connecting, and bringing the schema up to date."""

from __future__ import annotations

import socket
from functools import cache
from importlib import resources
from typing import Any

import structlog

from crossdock.core import crash
from crossdock.core.errors import StoreError

SCHEMA = "crossdock"
LOCK = 0x58444F4B
"""The advisory lock under which migrations and removals follow one another."""
MOST_CONNECTIONS = 8
MOST_STATEMENTS = 1000
"""that a connection keeps prepared: a group of commits has one for each mixture of what it writes"""
ANSWER_S = 60.0
"""A statement that takes longer counts as lost with its connection."""
CONNECTS_S = 5.0
SILENT_S = 10.0
"""Who acknowledges nothing for so long is gone: a network that drops what it is given tells nobody."""
SETTINGS = {
    "search_path": SCHEMA,
    "application_name": "crossdock",
    # A server set to acknowledge before its disk does must not decide that for the hub.
    "synchronous_commit": "on",
    # A worker that stops amid a commit, or a machine that is gone, must not hold the others up for long.
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": f"{SILENT_S * 1000:.0f}",
    # All that the hub asks has an index. A plan that was made while the tables were empty is kept while they fill.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

log = structlog.get_logger("crossdock.hub")


def driver() -> Any:
    """asyncpg. Raises StoreError with the line that installs it."""
    try:
        import asyncpg  # type: ignore[import-untyped]
    except ImportError:
        raise StoreError(
            "a store on PostgreSQL needs asyncpg", hint="Type: pip install 'crossdock[postgres]'"
        ) from None
    return asyncpg


OURS = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": round(SILENT_S * 1000)}
"""The same at this end, as far as the system has it."""


async def connect_alone(url: str) -> Any:
    """A connection outside the pool: it listens."""
    connection = await driver().connect(url, timeout=CONNECTS_S, command_timeout=ANSWER_S, server_settings=SETTINGS)
    await _watch(connection)
    return connection


async def _watch(connection: Any) -> None:
    """Has the system end the connection when the other end is gone without a word. The driver has no setting for it,
    and no public name for its socket (asyncpg 0.32)."""
    ask = getattr(getattr(connection, "_transport", None), "get_extra_info", None)
    if ask is None:
        _tell_unwatched()
        return
    there = ask("socket")
    if there is None or there.family not in (socket.AF_INET, socket.AF_INET6):
        return
    there.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in OURS.items():
        if hasattr(socket, name):
            there.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


@cache
def _tell_unwatched() -> None:
    """Once."""
    log.warning(
        "connections to PostgreSQL are not watched: this asyncpg does not show their sockets",
        hint=f"A server that is cut off without a word is noticed after {ANSWER_S:g} s instead of {SILENT_S:g} s.",
    )


async def _as_it_is(_: Any) -> None:
    """Nothing that the store does outlives its transaction: what the pool would undo costs a round trip each time."""


async def connect(url: str) -> Any:
    """An asyncpg pool on the migrated schema. Raises StoreError."""
    asyncpg = driver()
    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=MOST_CONNECTIONS,
        timeout=CONNECTS_S,
        command_timeout=ANSWER_S,
        server_settings=SETTINGS,
        statement_cache_size=MOST_STATEMENTS,
        max_cached_statement_lifetime=0,
        init=_watch,
        reset=_as_it_is,
    )
    try:
        await pool
        await pool.release(await pool.acquire())
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        pool.terminate()
        raise StoreError(
            f"PostgreSQL cannot be reached: {error or f'no answer within {CONNECTS_S:g} s'}",
            hint="Check the store's url and the server.",
        ) from error
    try:
        async with pool.acquire() as connection:
            await migrate(connection)
    except TimeoutError as error:
        pool.terminate()
        raise StoreError(
            f"another program has held this store's schema for {ANSWER_S:g} s",
            hint="Is the store being moved (`crossdock store copy`) or brought up to date? Start it afterwards.",
        ) from error
    except (asyncpg.SyntaxOrAccessError, asyncpg.ReadOnlySQLTransactionError) as error:
        pool.terminate()
        raise StoreError(
            f"the store's schema cannot be made or brought up to date: {error}",
            hint=f"The hub's user must be able to make the schema {SCHEMA}, in which nothing else may be.",
        ) from error
    except BaseException:
        pool.terminate()
        raise
    return pool


def migrations() -> list[str]:
    """The SQL of each schema version, in order: item 0 makes version 1."""
    folder = resources.files("crossdock.stores.postgres") / "migrations"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return [entry.read_text(encoding="utf-8") for entry in files]


async def migrate(connection: Any) -> None:
    """In one transaction, one worker at a time. Raises StoreError when the schema is newer than this program."""
    steps = migrations()
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        await connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)")
        version = await connection.fetchval("SELECT max(version) FROM schema_version") or 0
        if version > len(steps):
            raise StoreError(
                f"this store was written by a newer Crossdock: its schema is {version},"
                f" this program knows {len(steps)}",
                hint="Run the newer program, or restore a backup made before it.",
            )
        for number, sql in enumerate(steps[version:], version + 1):
            await connection.execute(sql)
            crash.at("migrate.step")
            await connection.execute("INSERT INTO schema_version VALUES ($1)", number)
