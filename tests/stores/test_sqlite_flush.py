"""A flush that failed, on a system that then takes for written what is on no disk: nothing acknowledged later is lost.

Linux does so: after a failed fsync the pages are clean, are read well, and are gone when the power goes.
"""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from crossdock.core.errors import StoreLost
from crossdock.core.work import CellWrite, Work
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.disks import under_the_store
from crossdock.testing.store_promises.samples import commit


class _Machine(apsw.VFS):
    """What programs read, and what is on the disk: they differ by what was not flushed."""

    def __init__(self) -> None:
        self.real = apsw.vfs_names()[0]
        super().__init__("machine", base=self.real, makedefault=True)
        self.disk: dict[str, bytearray] = {}
        self.dirty: dict[str, list[tuple[int, bytes | None]]] = {}
        """path → (offset, data), or (size, None) for a file that was cut, in order"""
        self.flushes = True

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self, name, flags)

    def flush(self, path: str) -> None:
        changes, self.dirty[path] = self.dirty.get(path, []), []
        if not self.flushes:
            raise apsw.IOError("the disk does not flush")
        file = self.disk.setdefault(path, bytearray())
        for at, data in changes:
            if data is None:
                del file[at:]
                continue
            file.extend(bytes(max(at + len(data) - len(file), 0)))
            file[at : at + len(data)] = data

    def after_a_power_cut(self, path: Path, to: Path) -> Path:
        """The store as it is found then."""
        to.mkdir()
        for name in (path.name, f"{path.name}-wal"):
            (to / name).write_bytes(bytes(self.disk.get(str(path.with_name(name)), b"")))
        return to / path.name


class _File(apsw.VFSFile):
    def __init__(self, machine: _Machine, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__(machine.real, name, flags)
        self._machine = machine
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        self._machine.dirty.setdefault(self._path, []).append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._machine.dirty.setdefault(self._path, []).append((newsize, None))

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._machine.flush(self._path)
        super().xSync(flags)


@pytest.fixture
def machine() -> Iterator[_Machine]:
    with under_the_store(_Machine()) as machine:
        yield machine


async def test_g01_what_is_acknowledged_after_a_failed_flush_and_a_restart_survives_a_power_cut(
    tmp_path: Path, machine: _Machine
) -> None:
    path = tmp_path / "hub.db"
    store = SqliteStore(path, executor="inline")
    await commit(store, "first", cells=(CellWrite("a", b"1"),))
    machine.flushes = False
    with pytest.raises(StoreLost):
        await store.apply(Work("never acknowledged", cells=(CellWrite("b", b"2"),)))
    machine.flushes = True
    await store.close()
    store = SqliteStore(path, executor="inline")
    await commit(store, "later", cells=(CellWrite("c", b"3"),))
    survived = SqliteStore(machine.after_a_power_cut(path, tmp_path / "after"))
    assert await survived.applied("first")
    assert await survived.applied("later"), "it was acknowledged"
    await survived.close()
    await store.close()


async def test_g01_what_is_acknowledged_survives_a_power_cut(tmp_path: Path, machine: _Machine) -> None:
    path = tmp_path / "hub.db"
    store = SqliteStore(path, executor="inline")
    for number in range(20):
        await commit(store, f"w{number}", cells=(CellWrite("a", b"x" * 3000),))
    survived = SqliteStore(machine.after_a_power_cut(path, tmp_path / "after"))
    assert all([await survived.applied(f"w{number}") for number in range(20)])
    await survived.close()
    await store.close()
