"""A store of every earlier version opens, holds what it held, and its hub goes on.

`upgrade/sqlite_<version>.sql` is what a hub had written under that schema. A new migration brings its own.
"""

# ruff: noqa: ASYNC221 — these tests are alone with their files and processes

import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from crossdock.core.states import DeliveryState
from crossdock.engine.audit import audit
from crossdock.engine.operate import Operator
from crossdock.stores.copy import open_moving
from crossdock.stores.postgres import PostgresStore
from crossdock.stores.postgres import opening as postgres_opening
from crossdock.stores.sqlite import SqliteStore, opening
from crossdock.stores.sqlite.backup import back_up, restore
from crossdock.stores.tables import TABLES
from crossdock.testing.disks import sqlite
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import PythonMap, flow, landscape, stage
from crossdock.testing.virtual_clock import VirtualClock, run_virtually

FOLDER = Path(__file__).with_name("upgrade")
VERSIONS = range(1, len(opening.migrations()) + 1)
FLOWS = ("create_with_key", "held", "batch")


def store_of_version(version: int, path: Path) -> Path:
    """As the program of that time left it."""
    connection = sqlite(path)
    for sql in opening.migrations()[:version]:
        connection.execute(sql)
    with connection:
        connection.execute((FOLDER / f"sqlite_{version}.sql").read_text())
    connection.pragma("application_id", opening.APPLICATION_ID)
    connection.pragma("user_version", version)
    connection.close()
    return path


def goes_on(path: Path) -> None:
    """Everything is known, nothing is done twice, and new things are done."""
    platform = FakePlatform()

    async def play() -> None:
        others = PythonMap(lambda thing: thing["id"] != "lost")
        flows = (
            flow("create_with_key", where=others),
            flow("create_only", name="held"),
            flow("batch", where=others),
        )
        async with stage(landscape(*flows), path=path, platform=platform, clock=VirtualClock(1_795_000_000.0)) as here:
            assert await here.states() == {"delivered": 12, "held": 1}
            assert all(one.agrees for one in await audit(here.store, ["in", "out"], FLOWS))
            for name in FLOWS:
                await here.hub.rewind(name, "joanna")
            await here.settle()
            assert platform.effects == []
            (held,) = [row for row in await here.deliveries("held") if row.state is DeliveryState.HELD]
            await Operator(here.hub.context, "joanna").resend(held)
            await here.hub.deliverers["held"].wake_key(held.partitionkey)
            await here.send({"id": "new", "value": "new"})
            await here.settle()
            assert platform.effects.count("new") == 3
            assert (await here.states())["held"] == 0
            assert all(one.agrees for one in await audit(here.store, ["in", "out"], FLOWS))

    run_virtually(play())


def test_every_version_has_its_sample() -> None:
    assert [f"sqlite_{version}.sql" for version in VERSIONS] == sorted(file.name for file in FOLDER.glob("*.sql"))


@pytest.mark.parametrize("version", VERSIONS)
def test_g26_a_hub_of_every_version_goes_on(version: int, tmp_path: Path) -> None:
    goes_on(store_of_version(version, tmp_path / "hub.db"))


@pytest.mark.parametrize("version", VERSIONS)
def test_g26_a_backup_of_every_version_is_restored_and_goes_on(version: int, tmp_path: Path) -> None:
    path, copy = store_of_version(version, tmp_path / "old.db"), tmp_path / "copy"
    if version == VERSIONS[-1]:
        back_up(path, copy)
    else:
        copy.write_bytes(path.read_bytes())
    assert restore(tmp_path / "new.db", copy) is None
    goes_on(tmp_path / "new.db")


UPGRADES = """
import os, signal, sys
from crossdock.core import crash
from crossdock.stores.sqlite import SqliteStore, opening
steps = [*opening.migrations(), "ALTER TABLE cells ADD COLUMN one TEXT", "ALTER TABLE cells ADD COLUMN two TEXT"]
opening.migrations = lambda: steps
left = [int(sys.argv[2])]
def watching(point):
    if point == "migrate.step":
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
crash.watch(watching)
SqliteStore(sys.argv[1], executor="inline")
"""


@pytest.mark.parametrize("step", [1, 2])
async def test_g26_a_kill_at_any_step_of_an_upgrade_leaves_a_store_that_opens(tmp_path: Path, step: int) -> None:
    path = store_of_version(VERSIONS[-1], tmp_path / "hub.db")
    killed = subprocess.run([sys.executable, "-c", UPGRADES, str(path), str(step)], check=False)
    assert killed.returncode == -signal.SIGKILL
    version = sqlite(path).pragma("user_version")
    assert version == VERSIONS[-1] + step - 1, "a step is done whole, or not at all"
    done = subprocess.run([sys.executable, "-c", UPGRADES, str(path), "0"], check=False)
    assert done.returncode == 0
    connection = sqlite(path)
    assert connection.pragma("user_version") == VERSIONS[-1] + 2
    assert connection.execute("SELECT count(*) FROM deliveries").get == 13
    connection.close()
    before = path.with_name(f"hub.db.before-{VERSIONS[-1] + 1}")
    store = SqliteStore(before)
    assert (await store.tallies())["delivery", "batch", "delivered"] == 4, (
        "the copy made before opens in the old program"
    )
    await store.close()


@pytest.mark.parametrize("version", range(1, len(postgres_opening.migrations()) + 1))
async def test_g26_a_hub_of_every_version_on_postgresql_is_brought_up_to_date(
    version: int, tmp_path: Path, url: str
) -> None:
    source = await open_moving(f"sqlite:{store_of_version(VERSIONS[-1], tmp_path / 'hub.db')}")
    connection = await asyncpg.connect(url, server_settings=postgres_opening.SETTINGS)
    schema = postgres_opening.SCHEMA
    await connection.execute(f"CREATE SCHEMA {schema}; CREATE TABLE schema_version (version integer NOT NULL)")
    for number, sql in enumerate(postgres_opening.migrations()[:version], 1):
        await connection.execute(sql)
        await connection.execute("INSERT INTO schema_version VALUES ($1)", number)
    for table, columns in TABLES.items():
        async for page in source.rows(table):
            await connection.copy_records_to_table(table, schema_name=schema, columns=columns, records=page)
    await source.close()
    await connection.close()
    store = PostgresStore(url)
    assert (await store.tallies())["delivery", "held", "held"] == 1
    assert all(one.agrees for one in await audit(store, ["in", "out"], FLOWS))
    assert len(await store.deliveries()) == 13
    await store.close()
