"""A bit that flipped in a store's file or in its log is noticed before anything is made of it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from crossdock.core.errors import StoreError, StoreLost
from crossdock.core.work import Count
from crossdock.stores.sqlite import SqliteStore, damage, opening
from crossdock.stores.sqlite.backup import back_up, restore
from crossdock.testing.disks import sqlite
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit

COMMITS = 12
FRAME_BYTES = 24 + 4096


def flip(file: Path, at: int, bit: int = 0) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1 << bit
    file.write_bytes(data)


async def killed(folder: Path) -> Path:
    """A store as a hub leaves it that is killed: its commits are in the log."""
    store = SqliteStore(folder / "living.db")
    await commit(store, "first")
    await store.close()
    store = SqliteStore(folder / "living.db")
    for number in range(COMMITS):
        await commit(store, f"w{number}", payloads=(a.payload(f"w{number}", b"x" * 3000),))
    for suffix in ("", "-wal"):
        shutil.copyfile(folder / f"living.db{suffix}", folder / f"hub.db{suffix}")
    await store.close()
    return folder / "hub.db"


async def stopped(folder: Path) -> Path:
    path = await killed(folder)
    await SqliteStore(path).close()
    return path


def read_whole(path: Path) -> None:
    assert sqlite(path).execute("SELECT count(data) FROM sqlite_dbpage").get


async def test_every_page_of_a_stopped_store_is_watched(tmp_path: Path) -> None:
    path = await stopped(tmp_path)
    whole = path.read_bytes()
    assert len(whole) % 4096 == 0
    for number in range(len(whole) // 4096):
        flip(path, number * 4096 + (number * 611 + 21) % 4096, number % 8)
        with pytest.raises(apsw.Error):
            read_whole(path)
        path.write_bytes(whole)


@pytest.mark.parametrize("at", [0, 16, 20, 21, 60, 100, 4095])
async def test_no_hub_starts_on_a_first_page_that_is_damaged(tmp_path: Path, at: int) -> None:
    path = await stopped(tmp_path)
    flip(path, at, 3)
    before = path.read_bytes()
    for start in (SqliteStore, SqliteStore.open_readonly):
        with pytest.raises(StoreError, match=r"is damaged|is not a database"):
            start(path)
    assert path.read_bytes() == before


async def test_what_is_read_of_a_damaged_page_is_refused_in_words_and_so_is_a_backup(tmp_path: Path) -> None:
    path = await stopped(tmp_path)
    flip(path, path.read_bytes().index(b"x" * 3000) + 1500)
    store = SqliteStore(path)
    with pytest.raises(StoreLost, match=r"hub.db is damaged: a page of it is not what was written there") as found:
        await store.payloads([a.payload(f"w{number}", b"x" * 3000).ref for number in range(COMMITS)])
    assert "crossdock store restore" in found.value.hint
    await store.close()
    with pytest.raises(StoreLost, match="is damaged"):
        back_up(path, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_a_damaged_page_that_is_written_on_ends_the_hub(tmp_path: Path) -> None:
    path = await stopped(tmp_path)
    root = sqlite(path).execute("SELECT rootpage FROM sqlite_schema WHERE name = 'counts'").get
    flip(path, (root - 1) * 4096 + 50)
    store = SqliteStore(path)
    for _ in range(2):
        with pytest.raises(StoreLost, match="is damaged"):
            await commit(store, "late", counts=(Count("f", "n", 1),))
    await store.close()


async def test_no_hub_starts_where_what_it_remembers_is_damaged(tmp_path: Path) -> None:
    path = await stopped(tmp_path)
    root = sqlite(path).execute("SELECT rootpage FROM sqlite_schema WHERE name = 'lanes'").get
    flip(path, (root - 1) * 4096 + 50)
    with pytest.raises(StoreLost, match="is damaged"):
        SqliteStore(path)


async def test_a_backup_whose_pages_are_damaged_is_not_put_in_place(tmp_path: Path) -> None:
    path = await stopped(tmp_path)
    back_up(path, tmp_path / "copy")
    flip(tmp_path / "copy", (tmp_path / "copy").stat().st_size // 2)
    with pytest.raises(StoreError, match="copy"):
        restore(path, tmp_path / "copy")
    await SqliteStore(path).close()


@pytest.mark.parametrize("where", ["header", "salt", "page number", "page", "its checksum"])
async def test_a_hole_in_the_log_is_not_taken_for_its_end(tmp_path: Path, where: str) -> None:
    path = await killed(tmp_path)
    log = tmp_path / "hub.db-wal"
    within = {"header": 5, "salt": 32 + 10, "page number": 32 + 3, "page": 32 + 2000, "its checksum": 32 + 18}[where]
    flip(log, within + (0 if where == "header" else 3 * FRAME_BYTES))
    before = log.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreLost, match=r"in its log, hub.db-wal, frame (1|4) is not what was written"):
            SqliteStore(path)
    assert log.read_bytes() == before, "what is behind the hole is kept"


async def test_a_log_that_a_power_cut_tore_is_no_damage(tmp_path: Path) -> None:
    """Of the last commit some frames are missing, torn, or those of an earlier life."""
    path = await killed(tmp_path)
    log = tmp_path / "hub.db-wal"
    whole, first = log.read_bytes(), path.read_bytes()
    last = (len(whole) - 32) // FRAME_BYTES - 1
    torn: list[Callable[[bytearray], object]] = [
        lambda data: data.__delitem__(slice(32 + last * FRAME_BYTES + 700, None)),
        lambda data: data.__setitem__(
            slice(32 + (last - 1) * FRAME_BYTES, 32 + last * FRAME_BYTES), bytes(FRAME_BYTES)
        ),
        lambda data: data.__delitem__(slice(32, None)),
        lambda data: data.__delitem__(slice(9, None)),
        lambda data: data.__setitem__(slice(0, None), bytes(len(data))),
        lambda data: data.extend(data[32 : 32 + 2 * FRAME_BYTES]),
    ]
    for tear in torn:
        data = bytearray(whole)
        tear(data)
        log.write_bytes(data)
        path.write_bytes(first)
        await SqliteStore(path).close()


async def test_a_store_that_was_set_aside_keeps_what_is_behind_the_hole_in_its_log(tmp_path: Path) -> None:
    path = await killed(tmp_path)
    log = tmp_path / "hub.db-wal"
    back_up(path, tmp_path / "copy")
    flip(log, 32 + 3 * FRAME_BYTES + 2000)
    before = log.read_bytes()
    kept = restore(path, tmp_path / "copy")
    assert kept
    assert kept.with_name(f"{kept.name}-wal").read_bytes() == before
    store = SqliteStore(path)
    assert await store.applied(f"w{COMMITS - 1}")
    await store.close()


async def test_a_backup_of_what_is_before_the_hole_goes_on(tmp_path: Path) -> None:
    path = await killed(tmp_path)
    flip(tmp_path / "hub.db-wal", (tmp_path / "hub.db-wal").stat().st_size // 2)
    back_up(path, tmp_path / "copy")
    restore(path, tmp_path / "copy")
    store = SqliteStore(path)
    assert await store.applied("w0")
    assert not await store.applied(f"w{COMMITS - 1}")
    await store.close()


def test_other_files_of_the_process_are_opened_as_ever(tmp_path: Path) -> None:
    default = apsw.vfs_names()[0]
    opening.connect_writer(str(tmp_path / "hub.db")).close()
    assert damage.VFS in apsw.vfs_names()
    assert apsw.vfs_names()[0] == default
