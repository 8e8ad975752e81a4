"""Opening a store's file: by one hub, in the program's own schema, with a copy before any change."""

# ruff: noqa: ASYNC220, ASYNC240 — these tests are alone with their files and processes

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from crossdock.core.errors import StoreError
from crossdock.core.work import CellWrite, Work
from crossdock.stores import open_store
from crossdock.stores.sqlite import SqliteStore, opening
from crossdock.testing.disks import sqlite
from crossdock.testing.store_promises.samples import commit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


async def test_a_second_hub_is_refused_and_told_who_holds_the_store(path: Path) -> None:
    store = SqliteStore(path)
    with pytest.raises(StoreError, match=rf"held by another hub: process {os.getpid()} on \S+, since 2\d\d\d-"):
        SqliteStore(path)
    await store.close()
    await SqliteStore(path).close()


async def test_a_store_whose_holder_was_killed_opens_again(path: Path) -> None:
    holding = (
        "import sys; from crossdock.stores.sqlite import SqliteStore;"
        "store = SqliteStore(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    ) as hub:
        assert hub.stdout
        assert hub.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match=f"process {hub.pid} "):
            SqliteStore(path)
        hub.send_signal(signal.SIGKILL)
        hub.wait()
    await SqliteStore(path).close()


async def test_a_newer_store_refuses_an_older_program(path: Path) -> None:
    await SqliteStore(path).close()
    connection = sqlite(path)
    connection.pragma("user_version", 999)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer Crossdock: its schema is 999"):
        SqliteStore(path)
    with pytest.raises(StoreError, match="newer Crossdock"):
        SqliteStore.open_readonly(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("sql", ["CREATE TABLE theirs (x)", "CREATE TABLE theirs (x); PRAGMA user_version = 1"])
def test_a_database_of_somebody_else_is_left_alone(path: Path, sql: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(sql)
    connection.close()
    with pytest.raises(StoreError, match="not a hub's store"):
        SqliteStore(path)
    assert [name for (name,) in apsw.Connection(str(path)).execute("SELECT name FROM sqlite_schema")] == ["theirs"]


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"a shopping list, long enough to be read as a header" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="cannot be used as a store"):
        SqliteStore(path)
    assert path.read_bytes() == before


async def test_commits_are_durable_by_settings(path: Path) -> None:
    connection = opening.connect_writer(str(path))
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2
    connection.close()


@pytest.mark.parametrize(("disk_bytes", "pages"), [(48 << 20, 768), (1 << 40, opening.CHECKPOINT_PAGES)])
async def test_g17_the_log_takes_no_large_part_of_a_small_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch, disk_bytes: int, pages: int
) -> None:
    """Else it fills the disk by itself, and there is no room to fold it."""
    monkeypatch.setattr(os, "statvfs", lambda folder: SimpleNamespace(f_blocks=disk_bytes // 4096, f_frsize=4096))
    assert opening._most_pages(str(path)) == pages


# --- migrations -------------------------------------------------------------------------------------------------


async def test_a_store_is_copied_before_it_is_changed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(path)
    await commit(store, "w", cells=(CellWrite("c", b"precious"),))
    await store.close()
    steps = [*opening.migrations(), "ALTER TABLE cells ADD COLUMN colour TEXT"]
    monkeypatch.setattr(opening, "migrations", lambda: steps)
    store = SqliteStore(path)
    assert await store.applied("w")
    await store.close()
    copy = sqlite(path.with_name("hub.db.before-2"))
    assert copy.pragma("user_version") == 1
    assert copy.execute("SELECT value FROM cells").get == b"precious"
    assert sqlite(path).pragma("user_version") == 2


async def test_g26_a_migration_that_fails_leaves_the_store_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(path)
    await commit(store, "w", cells=(CellWrite("c", b"precious"),))
    await store.close()
    whole = opening.migrations()
    broken = [*whole, "ALTER TABLE cells ADD COLUMN colour TEXT", "CREATE TABLE ok (x); CREATE TABLE cells (x)"]
    monkeypatch.setattr(opening, "migrations", lambda: broken)
    with pytest.raises(StoreError, match="already exists"):
        SqliteStore(path)
    monkeypatch.setattr(opening, "migrations", lambda: broken[:2])
    store = SqliteStore(path)
    cell = await store.cell("c")
    assert cell
    assert cell.value == b"precious"
    await store.close()


async def test_g26_a_store_killed_amid_its_first_migration_opens(path: Path) -> None:
    connection = sqlite(path)
    connection.pragma("journal_mode", "wal")
    connection.close()
    await SqliteStore(path).close()


# --- reading beside a hub ---------------------------------------------------------------------------------------


async def test_a_store_is_read_while_a_hub_writes_it(path: Path) -> None:
    hub = SqliteStore(path)
    await commit(hub, "w1")
    reader = SqliteStore.open_readonly(path)
    await commit(hub, "w2")
    assert [await reader.applied(work_id) for work_id in ("w1", "w2", "w3")] == [True, True, False]
    await reader.close()
    await hub.close()


async def test_a_store_open_for_reading_refuses_every_write(path: Path) -> None:
    await SqliteStore(path).close()
    reader = SqliteStore.open_readonly(path)
    with pytest.raises(StoreError, match="reading only"):
        await reader.apply(Work("w"))
    with pytest.raises(StoreError, match="reading only"):
        await reader.prune({}, 1)
    with pytest.raises(StoreError, match="reading only"):
        await reader.lease([], "me", 1.0, 0.0)
    await reader.close()


def test_nothing_is_made_by_reading(path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        SqliteStore.open_readonly(path)
    assert not list(path.parent.iterdir())


# --- by url -----------------------------------------------------------------------------------------------------


async def test_a_url_names_the_store(path: Path) -> None:
    store = open_store(f"sqlite:{path}")
    assert isinstance(store, SqliteStore)
    await store.close()
    assert path.exists()


@pytest.mark.parametrize("url", ["", "sqlite:", "mysql://x/y", "hub.db"])
def test_a_url_of_no_store_is_refused_with_the_ones_there_are(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:PATH"):
        open_store(url)
