"""A disk that fills and empties again: what comes in is refused in time, what is under way is recorded."""

import asyncio
import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from crossdock.core.errors import NotNow
from crossdock.core.work import CellWrite, Committed, Work
from crossdock.stores.sqlite import SqliteStore
from crossdock.stores.sqlite import disk as disk_module
from crossdock.stores.sqlite.disk import MOST_BALLAST_BYTES, Room, Watermark, lets_in, watermark_of
from crossdock.testing.disks import under_the_store
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit

MIB = 1 << 20


def arrives(name: str, size_bytes: int = 10) -> Work:
    return Work(name, payloads=(a.payload(name, b"x" * size_bytes),), arrivals=(a.arrival(name),))


class _FullDisk(apsw.VFS):
    """The machine's disk, on which nothing more can be written while `full`."""

    def __init__(self) -> None:
        self.real = apsw.vfs_names()[0]
        super().__init__("full-disk", base=self.real, makedefault=True)
        self.full = False

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: _FullDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__(disk.real, name, flags)
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._disk.full:
            raise apsw.FullError("no space left on device")
        super().xWrite(data, offset)


@pytest.fixture
def disk() -> Iterator[_FullDisk]:
    with under_the_store(_FullDisk()) as disk:
        yield disk


async def test_g17_on_a_full_disk_what_comes_in_is_refused_and_all_else_waits(tmp_path: Path, disk: _FullDisk) -> None:
    store = SqliteStore(tmp_path / "hub.db")
    await commit(store, "before")
    disk.full = True
    with pytest.raises(NotNow, match="no space left") as refused:
        await store.apply(arrives("1"))
    assert str(tmp_path) not in refused.value.what, "a sender is not told where the store is"
    outcome = asyncio.create_task(store.apply(Work("outcome", cells=(CellWrite("c", b"1"),))))
    lease = asyncio.create_task(store.lease([a.lane(1)], "hub", 99.0, 1.0))
    done, _ = await asyncio.wait({outcome, lease}, timeout=0.6)
    assert not done
    assert not await store.applied("1")
    disk.full = False
    assert isinstance(await outcome, Committed)
    assert await lease
    assert isinstance(await store.apply(arrives("1")), Committed)
    await store.close()


async def test_a_disk_that_does_not_tell_its_room_lets_nothing_in_and_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(tmp_path / "hub.db")

    def broken(folder: object) -> object:
        raise OSError(errno.EIO, "Input/output error", str(folder))

    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", broken)
        async with asyncio.timeout(10.0):
            with pytest.raises(NotNow, match="Input/output error"):
                await store.apply(arrives("1"))
            assert isinstance(await store.apply(Work("outcome", cells=(CellWrite("c", b"1"),))), Committed)
            refusal = await store.refusal()
            assert refusal.endswith("Input/output error"), "and not where the store is"
            await store.close()


async def test_a_store_that_is_closed_while_the_disk_is_full_keeps_nobody_waiting(
    tmp_path: Path, disk: _FullDisk
) -> None:
    store = SqliteStore(tmp_path / "hub.db")
    disk.full = True
    outcome = asyncio.create_task(store.apply(Work("outcome", cells=(CellWrite("c", b"1"),))))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(NotNow):
        await outcome


class TestWatermark:
    def test_it_is_512_mib_or_5_percent_of_a_small_disk(self) -> None:
        assert watermark_of(1 << 40) == Watermark(512 * MIB, MOST_BALLAST_BYTES)
        assert watermark_of(100 * MIB) == Watermark(5 * MIB, 5 * MIB // 2)

    def test_what_retention_has_freed_inside_the_file_is_room_but_for_the_log(self) -> None:
        mark = Watermark(100, 10)
        assert lets_in(mark, 100, 0, refusing=False)
        assert not lets_in(mark, 99, 0, refusing=False)
        assert lets_in(mark, 30, 70, refusing=False)
        assert not lets_in(mark, 24, 1000, refusing=False)
        assert not lets_in(mark, 109, 0, refusing=True), "it does not flap"
        assert lets_in(mark, 110, 0, refusing=True)

    def test_it_is_measured_once_a_second_and_says_what_is_wanted(self, tmp_path: Path) -> None:
        free, now, looked = [400 * MIB], [0.0], []

        def measure(folder: Path) -> tuple[int, int]:
            looked.append(folder)
            return free[0], 4000 * MIB

        room = Room(tmp_path / "hub.db", measure=measure, monotonic=lambda: now[0])
        assert room.look(lambda: 0) == ""
        free[0] = 199 * MIB
        assert room.look(lambda: 0) == ""
        now[0] += 1.0
        assert room.look(lambda: 0) == "199 MiB are left on the disk, and 200 are wanted"
        free[0] = 400 * MIB
        now[0] += 1.0
        assert room.look(lambda: 0) == ""
        assert looked == [tmp_path] * 4
        room.close()

    def test_ballast_is_thrown_off_once_and_taken_in_again_before_intake_goes_on(self, tmp_path: Path) -> None:
        free, now = [400 * MIB], [0.0]
        room = Room(tmp_path / "hub.db", measure=lambda folder: (free[0], 4000 * MIB), monotonic=lambda: now[0])
        ballast = tmp_path / "hub.db.ballast"
        assert ballast.stat().st_size == MOST_BALLAST_BYTES
        assert ballast.stat().st_blocks * 512 >= MOST_BALLAST_BYTES, "real blocks"
        assert room.full()
        assert not ballast.exists()
        assert not room.full()
        free[0] = 225 * MIB  # enough to go on, were it not for the ballast
        assert room.look(lambda: 0)
        now[0] += 1.0
        free[0] = 240 * MIB
        assert room.look(lambda: 0) == ""
        assert ballast.stat().st_size == MOST_BALLAST_BYTES
        room.close()
        assert not ballast.exists()


@pytest.fixture
def small_disk(tmp_path: Path, needs: Callable[[str], None]) -> Iterator[Path]:
    """A file system of 24 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        needs("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_g17_a_disk_that_others_fill_is_survived_without_help(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_module, "LOOK_S", 0.0)
    store = SqliteStore(small_disk / "hub.db")
    accepted = [name for name in map(str, range(20)) if isinstance(await store.apply(arrives(name)), Committed)]
    assert await store.refusal() == ""
    hog = small_disk / "hog"
    with hog.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 65536)
            except OSError:
                break
    with pytest.raises(NotNow, match=r"left on the disk|full"):
        await store.apply(arrives("late", 200_000))
    for number in range(30):  # the outcomes of what is under way: room enough in what the ballast gave back
        assert isinstance(await store.apply(Work(f"out{number}", cells=(CellWrite("c", b"y" * 4000),))), Committed)
    assert "disk" in await store.refusal()
    hog.unlink()
    assert isinstance(await store.apply(arrives("late", 200_000)), Committed)
    assert await store.refusal() == ""
    await store.close()
    store = SqliteStore(small_disk / "hub.db")
    assert all([await store.arrival(a.arrival(name).id) for name in [*accepted, "late"]])
    await store.close()
