"""Stores of every version, full of live rows, brought up to date by tomorrow's program, which is killed on the way."""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import apsw

from crossdock.core import crash
from crossdock.core.errors import StoreError
from crossdock.core.store import Store
from crossdock.core.work import Count, Work
from crossdock.stores import open_store
from crossdock.stores.copy import open_moving
from crossdock.stores.postgres import opening as postgres
from crossdock.stores.sqlite import SqliteStore
from crossdock.stores.sqlite import opening as sqlite
from crossdock.stores.sqlite.damage import vfs
from crossdock.stores.tables import TABLES
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.services import Postgres
from crossdock.testing.store_promises import samples

ROWS = 100_000
"""deliveries that wait, and as many messages"""
A_WORK = 500
KILLS = 6
TOMORROW = (
    "ALTER TABLE deliveries ADD COLUMN tomorrow TEXT NOT NULL DEFAULT ''; UPDATE deliveries SET tomorrow = key;",
    "CREATE INDEX tomorrow ON messages (connection, received_at, id); UPDATE deliveries SET tomorrow = reason;",
)
"""What is yet to come: steps that touch every row."""
MOMENT_S = 1.5

Sums = Mapping[str, str]


class Kept(Protocol):
    """A store that is being brought up to date."""

    url: str
    versions: int
    """that today's program knows"""

    def prepare(self, version: int, full: Path) -> None:
        """As the program of that version left it, with the rows of `full`."""
        ...

    def version(self) -> int: ...

    def sums(self) -> Sums:
        """Table → a digest of all its rows."""
        ...


def sqlite_stores(seed: int, rows: int = ROWS, kills: int = KILLS) -> Ledger:
    with tempfile.TemporaryDirectory() as folder:
        return _trial(random.Random(f"upgrade/{seed}"), Path(folder), _OnSqlite(Path(folder)), seed, rows, kills)  # noqa: S311


def postgres_stores(seed: int, rows: int = ROWS, kills: int = KILLS) -> Ledger:
    with Postgres() as server, tempfile.TemporaryDirectory() as folder:
        chance = random.Random(f"upgrade/postgres/{seed}")  # noqa: S311 - the seed is the point
        return _trial(chance, Path(folder), _OnPostgres(server.url), seed, rows, kills)


def _trial(chance: random.Random, folder: Path, kept: Kept, seed: int, rows: int, kills: int) -> Ledger:
    ledger = Ledger(trials=1, accepted=rows)
    full = folder / "full.db"
    asyncio.run(_fill(full, rows))
    version = 1 + seed % kept.versions
    steps = kept.versions + len(TOMORROW) - version
    for number in range(kills):
        kept.prepare(version, full)
        before = kept.sums()
        step = 1 + number // 2 % steps if number % 2 == 0 else 0
        died = _killed(kept.url, step, chance.random() * MOMENT_S * rows / ROWS)
        ledger.kills["migrate.step" if step else "moment"] += died
        if step and not died:
            ledger.find("broken", f"from version {version}, nothing died at step {step}")
        _judge(ledger, kept, before, f"from version {version}, after kill {number + 1}")
        with _upgrade(kept.url, 0) as program:
            code = program.wait()
        if code or kept.version() != kept.versions + len(TOMORROW):
            ledger.find("stuck", f"from version {version}: the newer program ended with {code}, at {kept.version()}")
        _judge(ledger, kept, before, f"from version {version}, brought up to date")
    return ledger


def _judge(ledger: Ledger, kept: Kept, before: Sums, where: str) -> None:
    """Nothing is gone, and today's program opens what it can read and refuses what is newer than it."""
    after = kept.sums()
    for table in before:
        if after.get(table) != before[table]:
            ledger.find("lost", f"{where}: the rows of {table} are others")
    version = kept.version()
    if version < kept.versions:
        return  # today's program would bring it up to date: that is what the next one does
    refused = asyncio.run(_refused(kept.url))
    if version == kept.versions and refused:
        ledger.find("stuck", f"{where}: version {version} does not open: {refused}")
    if version > kept.versions and "newer Crossdock" not in refused:
        ledger.find("silent", f"{where}: version {version} was not refused by the older program: {refused}")


async def _refused(url: str) -> str:
    """Why today's program does not open it; "" = it does."""
    try:
        store = open_store(url)
    except StoreError as error:
        return error.what
    try:
        await store.tallies()
        return ""
    except StoreError as error:
        return error.what
    finally:
        await store.close()


async def _fill(path: Path, rows: int) -> None:
    store: Store = SqliteStore(path)
    for first in range(0, rows, A_WORK):
        names = [str(number) for number in range(first, min(first + A_WORK, rows))]
        messages = tuple(samples.message(name, hint=name) for name in names)
        deliveries = tuple(samples.delivery(name, key=f"order:{name}", number=1) for name in names)
        await store.apply(
            Work(
                f"fill {first}",
                payloads=tuple(samples.payload(name) for name in names),
                arrivals=tuple(samples.arrival(name) for name in names),
                messages=messages,
                deliveries=deliveries,
                counts=(Count("connection/shop", "accepted", len(names)),),
            )
        )
    await store.close()


# --- tomorrow's program -------------------------------------------------------------------------------------------


def _upgrade(url: str, step: int) -> subprocess.Popen[bytes]:
    """Says a line when it begins."""
    command = [sys.executable, "-m", "crossdock.testing.chaos.upgrades", url, str(step)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _killed(url: str, step: int, moment_s: float) -> bool:
    """At that step, or, without one, at a moment. Whether it died of it: it may have come to its end before."""
    with _upgrade(url, step) as program:
        if not step:
            assert program.stdout is not None
            program.stdout.readline()
            time.sleep(moment_s)
            program.kill()
        return program.wait() == -signal.SIGKILL


def tomorrow(url: str, step: int) -> None:
    """Opens the store; `step`: the one in which it is killed, 0 = in none."""
    left = [step]

    def watching(point: str) -> None:
        if point == "migrate.step":
            left[0] -= 1
            if left[0] == 0:
                signal.raise_signal(signal.SIGKILL)

    for opening in (sqlite, postgres):
        opening.migrations = _longer(opening.migrations)  # type: ignore[attr-defined]
    crash.watch(watching)
    print("begins", flush=True)
    refused = asyncio.run(_refused(url))
    sys.exit(refused or 0)


def _longer(migrations: Callable[[], list[str]]) -> Callable[[], list[str]]:
    steps = [*migrations(), *TOMORROW]
    return lambda: steps


# --- both stores --------------------------------------------------------------------------------------------------


class _OnSqlite:
    versions = len(sqlite.migrations())

    def __init__(self, folder: Path) -> None:
        self._path = folder / "hub.db"
        self.url = f"sqlite:{self._path}"
        self._first: Mapping[str, list[str]] = {}
        """the tables and columns that there were at first"""

    def prepare(self, version: int, full: Path) -> None:
        """The rows of today's version in the schema of that one."""
        for left in self._path.parent.glob(f"{self._path.name}*"):
            left.unlink()
        if version == self.versions:
            shutil.copyfile(full, self._path)
            return
        there = apsw.Connection(str(self._path), vfs=vfs())
        for sql in sqlite.migrations()[:version]:
            there.execute(sql)
        there.execute("ATTACH ? AS full", (str(full),))
        for table, columns in _columns(there).items():
            named = ", ".join(columns)
            there.execute(f"INSERT INTO main.{table} ({named}) SELECT {named} FROM full.{table}")  # noqa: S608
        there.pragma("application_id", sqlite.APPLICATION_ID)
        there.pragma("user_version", version)
        there.close()

    def version(self) -> int:
        there = apsw.Connection(str(self._path), vfs=vfs())
        version = int(there.pragma("user_version"))
        there.close()
        return version

    def sums(self) -> Sums:
        there = apsw.Connection(str(self._path), vfs=vfs())
        self._first = self._first or _columns(there)
        sums = {}
        for table, columns in self._first.items():
            named = ", ".join(columns)
            digest = hashlib.sha256()
            for row in there.execute(f"SELECT {named} FROM {table} ORDER BY {named}"):  # noqa: S608
                digest.update(repr(row).encode())
            sums[table] = digest.hexdigest()
        there.close()
        return sums


def _columns(there: apsw.Connection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    query = (
        "SELECT t.name, c.name FROM main.sqlite_schema AS t, pragma_table_info(t.name) AS c"
        " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
    )
    for table, column in there.execute(query):
        found.setdefault(str(table), []).append(str(column))
    return found


class _OnPostgres:
    versions = len(postgres.migrations())

    def __init__(self, url: str) -> None:
        self.url = url

    def prepare(self, version: int, full: Path) -> None:
        asyncio.run(self._prepare(version, full))

    async def _prepare(self, version: int, full: Path) -> None:
        there = await postgres.driver().connect(self.url, server_settings=postgres.SETTINGS)
        await there.execute(f"DROP SCHEMA IF EXISTS {postgres.SCHEMA} CASCADE")
        await there.execute(f"CREATE SCHEMA {postgres.SCHEMA}; CREATE TABLE schema_version (version integer NOT NULL)")
        for number, sql in enumerate(postgres.migrations()[:version], 1):
            await there.execute(sql)
            await there.execute("INSERT INTO schema_version VALUES ($1)", number)
        source = await open_moving(f"sqlite:{full}")
        for table, columns in TABLES.items():
            async for page in source.rows(table):
                await there.copy_records_to_table(table, schema_name=postgres.SCHEMA, columns=columns, records=page)
        await source.close()
        await there.close()

    def version(self) -> int:
        return int(str(asyncio.run(self._ask("SELECT max(version) FROM schema_version"))))

    def sums(self) -> Sums:
        sums = {}
        for table, columns in TABLES.items():
            row = f"md5(ROW({', '.join(columns)})::text)"
            query = f"SELECT coalesce(md5(string_agg({row}, '' ORDER BY {row})), '') FROM {table}"  # noqa: S608
            sums[table] = str(asyncio.run(self._ask(query)))
        return sums

    async def _ask(self, query: str) -> object:
        there = await postgres.driver().connect(self.url, server_settings=postgres.SETTINGS)
        answer: object = await there.fetchval(query)
        await there.close()
        return answer


if __name__ == "__main__":
    tomorrow(sys.argv[1], int(sys.argv[2]))
