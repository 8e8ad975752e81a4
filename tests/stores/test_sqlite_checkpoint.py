"""The log is folded into the file beside the writer."""

import asyncio
import itertools
import os
from pathlib import Path

import apsw
import pytest

from crossdock.core.errors import StoreLost
from crossdock.core.work import CellWrite, Committed, Work
from crossdock.stores.sqlite import SqliteStore, checkpoint
from crossdock.testing.store_promises.samples import commit

LOG_PAGES = 200
NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def short_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "CHECKPOINT_PAGES", LOG_PAGES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


def work() -> Work:
    number = next(NUMBERS)
    return Work(f"w{number}", cells=(CellWrite(f"cell {number % 500}", os.urandom(9000)),))


async def write(store: SqliteStore, times: int) -> None:
    for _ in range(times):
        assert isinstance(await store.apply(work()), Committed)


async def test_the_log_begins_anew_while_writers_go_on(path: Path) -> None:
    store = SqliteStore(path)
    for _ in range(20):
        await asyncio.gather(*(write(store, 20) for _ in range(4)))
    log_bytes = path.with_name("hub.db-wal").stat().st_size
    assert log_bytes < checkpoint.MOST_LOGS * LOG_PAGES * 4200 * 2, "1,600 commits of three pages and more"
    await store.close()
    store = SqliteStore(path)
    assert await store.applied(f"w{next(NUMBERS) - 1}")
    await store.close()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pages of the log that each step beside the writer found in the file."""
    found: list[int] = []
    step = checkpoint.Beside._step

    def noted(self: checkpoint.Beside) -> int:
        found.append(step(self))
        return found[-1]

    monkeypatch.setattr(checkpoint.Beside, "_step", noted)
    return found


async def test_most_of_the_log_is_folded_before_its_end(path: Path, steps: list[int]) -> None:
    store = SqliteStore(path)
    await write(store, 300)
    await store.close()
    assert len(steps) > 10
    assert max(steps) >= LOG_PAGES // 2


@pytest.mark.parametrize("fails", ["copying", "flushing"])
async def test_g02_what_fails_beside_the_writer_ends_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """And is not tried again: a second flush may succeed without anything having been written."""
    tries: list[int] = []

    def failing(*_: object) -> int:
        tries.append(1)
        raise apsw.IOError("the disk is not well") if fails == "copying" else OSError(5, "the disk is not well")

    store = SqliteStore(path)
    await commit(store, "before")
    if fails == "copying":
        monkeypatch.setattr(checkpoint.Beside, "_step", failing)
    else:
        monkeypatch.setattr(checkpoint, "_flush", failing)
    with pytest.raises(StoreLost, match=r"can no longer be written.*the disk is not well"):
        await write(store, LOG_PAGES)
    with pytest.raises(StoreLost):
        await store.apply(Work("after"))
    await store.close()
    assert len(tries) == 1
    monkeypatch.undo()
    store = SqliteStore(path)
    assert await store.applied("before")
    await store.close()


async def test_a_reader_that_stays_only_puts_it_off(path: Path) -> None:
    store = SqliteStore(path)
    await commit(store, "before")
    other = SqliteStore.open_readonly(path)
    rows = other._reads._own().execute("BEGIN; SELECT count(*) FROM works")
    assert rows.fetchall()
    await write(store, LOG_PAGES)
    other._reads._own().execute("COMMIT")
    await other.close()
    await write(store, LOG_PAGES)
    assert path.with_name("hub.db-wal").stat().st_size < 3 * LOG_PAGES * 4200 * 3
    await store.close()


async def test_it_ends_with_the_store(path: Path) -> None:
    store = SqliteStore(path)
    await write(store, LOG_PAGES)
    beside = store._executor._writer._beside  # type: ignore[union-attr]
    await store.close()
    assert beside is not None
    assert not beside._thread.is_alive()
    assert not path.with_name("hub.db-wal").exists(), "the log is folded at the end"
