"""A backup is as private as the store, and is found by its name, whatever that holds."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossdock.core.work import CellWrite, Work
from crossdock.stores.sqlite import SqliteStore
from crossdock.stores.sqlite.backup import back_up, restore


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
