"""A backup is as private as the store, and is found by its name, whatever that holds."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossdock.core.errors import StoreError
from crossdock.core.work import CellWrite, Work
from crossdock.stores.sqlite import SqliteStore
from crossdock.stores.sqlite.backup import back_up, restore
from crossdock.stores.sqlite.opening import connect_reader


@pytest.fixture(autouse=True)
def generous_to_others() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def rights(*files: Path) -> set[int]:
    return {file.stat().st_mode & 0o777 for file in files}


async def test_a_store_and_its_copies_are_their_owners_alone(tmp_path: Path) -> None:
    path, copy = tmp_path / "hub.db", tmp_path / "hub.backup"
    store = SqliteStore(path)
    await store.apply(Work("w"))
    back_up(path, copy)
    assert rights(path, tmp_path / "hub.db-wal", copy) == {0o600}
    await store.close()
    copy.chmod(0o644)  # as it comes back from another machine
    kept = restore(path, copy)
    assert kept is not None
    assert rights(path, kept) == {0o600}


async def test_a_backup_of_any_name_is_the_one_that_is_put_back(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    odd = tmp_path / "before 100% ?why#2.db"
    store = SqliteStore(path)
    await store.apply(Work("w1", cells=(CellWrite("c", b"then"),)))
    back_up(path, odd)
    await store.apply(Work("w2", cells=(CellWrite("c", b"now"),)))
    await store.close()
    restore(path, odd)
    store = SqliteStore(path)
    cell = await store.cell("c")
    await store.close()
    assert cell is not None
    assert cell.value == b"then"


async def test_a_store_that_somebody_reads_is_not_replaced_and_what_was_kept_before_stays(tmp_path: Path) -> None:
    path, copy = tmp_path / "hub.db", tmp_path / "hub.backup"
    store = SqliteStore(path)
    await store.apply(Work("w1"))
    back_up(path, copy)
    await store.close()
    kept = restore(path, copy)
    assert kept is not None
    before = kept.read_bytes()
    store = SqliteStore(path)
    await store.apply(Work("w2"))
    reader = connect_reader(str(path))
    reader.execute("BEGIN; SELECT count(*) FROM works")
    await store.apply(Work("w3", cells=(CellWrite("c", b"now"),)))
    await store.close()
    with pytest.raises(StoreError, match="somebody is reading"):
        restore(path, copy)
    assert kept.read_bytes() == before
    reader.close()
    store = SqliteStore(path)
    cell = await store.cell("c")
    await store.close()
    assert cell is not None
    assert cell.value == b"now"
    restore(path, copy)


async def test_what_is_set_aside_holds_what_a_killed_hub_left_in_its_log(tmp_path: Path) -> None:
    path, copy, killed = tmp_path / "hub.db", tmp_path / "hub.backup", tmp_path / "killed.db"
    store = SqliteStore(path)
    await store.apply(Work("w", cells=(CellWrite("c", b"now"),)))
    back_up(path, copy)
    for end in ("", "-wal"):
        shutil.copyfile(f"{path}{end}", f"{killed}{end}")
    await store.close()
    kept = restore(killed, copy)
    assert kept is not None
    alone = tmp_path / "alone.db"
    shutil.copyfile(kept, alone)
    store = SqliteStore(alone)
    cell = await store.cell("c")
    await store.close()
    assert cell is not None
    assert cell.value == b"now"
