"""The writer: groups, their order, and what follows when the disk fails."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from crossdock.core.errors import StoreError, StoreLost
from crossdock.core.work import CellWrite, Committed, Count, Work
from crossdock.stores.sqlite import SqliteStore, queue, writer
from crossdock.stores.sqlite.opening import connect_writer
from crossdock.stores.sqlite.reads import shares
from crossdock.testing.disks import under_the_store
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit


class _Disk(apsw.VFS):
    """The machine's disk, whose flush fails after `flushes` more (None: never)."""

    def __init__(self) -> None:
        self.real = apsw.vfs_names()[0]
        super().__init__("failing-disk", base=self.real, makedefault=True)
        self.flushes: int | None = None
        self.failure: apsw.Error = apsw.IOError("the disk does not flush")
        self.failures = 0

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: _Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__(disk.real, name, flags)
        self._disk = disk

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._disk.flushes is not None:
            if self._disk.flushes == 0:
                self._disk.failures += 1
                raise self._disk.failure
            self._disk.flushes -= 1
        super().xSync(flags)


@pytest.fixture
def disk() -> Iterator[_Disk]:
    with under_the_store(_Disk()) as disk:
        yield disk


@pytest.mark.parametrize("executor", ["thread", "inline"])
async def test_g02_after_a_failed_flush_nothing_more_is_accepted(tmp_path: Path, disk: _Disk, executor: str) -> None:
    store = SqliteStore(tmp_path / "hub.db", executor=executor)  # type: ignore[arg-type]
    await commit(store, "before")
    disk.flushes = 0
    works = [Work(f"w{number}", counts=(Count("f", "n", 1),)) for number in range(5)]
    answers = await asyncio.gather(*(store.apply(work) for work in works), return_exceptions=True)
    assert all(isinstance(answer, StoreError) for answer in answers)
    disk.flushes = None  # the disk is well again, but nobody knows what it lost
    with pytest.raises(StoreError, match="can no longer be written"):
        await store.apply(Work("after"))
    with pytest.raises(StoreError, match="can no longer be written"):
        await store.prune({}, 1)
    assert disk.failures == 1, "a failed flush is never tried again"
    await store.close()
    store = SqliteStore(tmp_path / "hub.db")
    assert await store.applied("before")
    assert not await store.applied("after")
    await store.close()


async def test_a_full_disk_refuses_and_later_goes_on(tmp_path: Path) -> None:
    connection = connect_writer(str(tmp_path / "hub.db"))
    hand = writer.Writer(connection, "hub.db", lambda: 0.0)
    pages = connection.pragma("page_count")
    connection.pragma("max_page_count", pages + 2)
    big = Work("big", payloads=(a.payload("1", b"x" * 500_000),), messages=(a.message("1"),))
    (refused,) = hand.apply([big])
    assert isinstance(refused, StoreError)
    assert isinstance(hand.apply([Work("small")])[0], Committed)
    connection.pragma("max_page_count", 1_000_000)
    (answer,) = hand.apply([big])
    assert isinstance(answer, Committed)
    assert answer.numbers == {a.message("1").id: 1}
    hand.close()


async def test_one_commit_serves_many_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    apply = writer.Writer.apply

    def counted(self: writer.Writer, works: list[Work]) -> list[writer.Answer]:
        groups.append(len(works))
        return apply(self, works)

    monkeypatch.setattr(writer.Writer, "apply", counted)
    store = SqliteStore(tmp_path / "hub.db")
    await asyncio.gather(*(store.apply(Work(f"w{number}")) for number in range(2000)))
    await store.close()
    assert sum(groups) == 2000
    assert max(groups) <= queue.GROUP
    assert len(groups) < 200


class TestGathering:
    """Which of the waiting go into the next group."""

    @pytest.fixture
    def idle(self, tmp_path: Path) -> Iterator[queue.Threaded]:
        connection = connect_writer(str(tmp_path / "hub.db"))
        threaded = queue.Threaded(writer.Writer(connection, "hub.db", lambda: 0.0), "idle")
        yield threaded
        threaded.close()

    async def _waiting(self, names: range) -> Iterator[queue._Waiting]:
        return (queue._Waiting(name) for name in names)

    async def test_arrivals_go_ahead_of_others_and_leave_them_a_share(self, idle: queue.Threaded) -> None:
        idle._arrivals.extend(await self._waiting(range(1000)))
        idle._others.extend(await self._waiting(range(1000, 2000)))
        group = [waiting.task for waiting in idle._gather()]
        assert len(group) == queue.GROUP
        assert group[: queue.GROUP - queue.OTHERS] == list(range(queue.GROUP - queue.OTHERS))
        assert group[queue.GROUP - queue.OTHERS :] == list(range(1000, 1000 + queue.OTHERS))
        idle._arrivals.clear()
        idle._others.clear()

    async def test_a_group_takes_what_there_is(self, idle: queue.Threaded) -> None:
        assert idle._gather() == []
        idle._others.extend(await self._waiting(range(3)))
        assert [waiting.task for waiting in idle._gather()] == [0, 1, 2]


def test_rows_are_shared_out_so_that_no_lane_starves() -> None:
    assert shares({0: 1000, 1: 1, 2: 0, 3: 2}, 10) == {0: 7, 1: 1, 3: 2}
    assert shares({0: 1000, 1: 1000}, 5) == {0: 3, 1: 2} or shares({0: 1000, 1: 1000}, 5) == {0: 2, 1: 3}
    assert shares({}, 10) == {}
    for amounts in itertools.product((0, 1, 5, 40), repeat=3):
        waiting = dict(enumerate(amounts))
        given = shares(waiting, 16)
        assert sum(given.values()) == min(16, sum(amounts))
        assert all(0 < given[lane] <= waiting[lane] for lane in given)


async def test_memory_does_not_follow_the_backlog(tmp_path: Path) -> None:
    """Heads, positions and fences are all that the writer remembers."""
    connection = connect_writer(str(tmp_path / "hub.db"))
    hand = writer.Writer(connection, "hub.db", lambda: 0.0)
    for part in range(4):
        rows = tuple(a.message(f"{part}/{number}", hint=f"h{number}") for number in range(500))
        hand.apply([Work(f"w{part}", messages=rows, cells=(CellWrite(f"c{part}", b"x"),))])
    assert len(hand._heads) <= 32
    assert not hand.lanes
    hand.close()


@pytest.mark.parametrize("queued", [1, 3])
async def test_nobody_waits_for_a_writer_that_ended_for_want_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, queued: int
) -> None:
    def short(*_: object) -> object:
        raise MemoryError

    store = SqliteStore(tmp_path / "hub.db")
    await commit(store, "before")
    monkeypatch.setattr(writer.Writer, "apply", short)
    asked = [store.apply(Work(f"late {number}")) for number in range(queued)]
    answers = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)
    assert all(isinstance(answer, StoreLost) for answer in answers)
    with pytest.raises(StoreLost, match="MemoryError"):
        await store.apply(Work("later"))
    await store.close()
    monkeypatch.undo()
    again = SqliteStore(tmp_path / "hub.db")
    await commit(again, "after")
    await again.close()


async def test_who_ran_out_of_memory_is_told_of_memory_and_not_of_the_disk(tmp_path: Path, disk: _Disk) -> None:
    store = SqliteStore(tmp_path / "hub.db")
    await commit(store, "before")
    disk.flushes, disk.failure = 0, apsw.NoMemError("no memory to flush with")
    with pytest.raises(StoreLost, match="can no longer be written") as lost:
        await store.apply(Work("after"))
    assert "more memory" in lost.value.hint
    assert "disk" not in lost.value.hint
    await store.close()
