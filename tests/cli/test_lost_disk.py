"""A disk that fails to flush under a running hub: nothing more is acknowledged, and the hub says why it ends."""

import json
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from crossdock.core.errors import StoreLost
from crossdock.testing.disks import under_the_store
from crossdock.testing.live import signup
from crossdock.testing.sink import Sink

from .conftest import Hub, Type
from .test_decisions import until


class _Disk(apsw.VFS):
    """The machine's disk, whose flushes fail while `broken`."""

    def __init__(self) -> None:
        self.real = apsw.vfs_names()[0]
        super().__init__("breaking-disk", base=self.real, makedefault=True)
        self.broken = False

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: _Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__(disk.real, name, flags)
        self._disk = disk

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._disk.broken:
            raise apsw.IOError("the disk does not flush")
        super().xSync(flags)


@pytest.fixture
def disk() -> Iterator[_Disk]:
    with under_the_store(_Disk()) as disk:
        yield disk


# apsw tells of the failed statement once more as it is freed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_g02_after_a_failed_flush_nothing_is_acknowledged_and_the_hub_ends_with_the_reason(
    project: Path, type_: Type, there: Sink, disk: _Disk
) -> None:
    hub = Hub(project).__enter__()
    assert hub.post(signup(1)) == 200
    until(type_, "delivered")
    disk.broken = True
    assert hub.post(signup(2)) in {503, 0}
    assert hub.post(signup(3)) in {503, 0}, "not ready, or gone already"
    with pytest.raises(StoreLost, match="can no longer be written") as error:
        hub.stop()
    assert "Mend the disk" in error.value.hint
    disk.broken = False
    with Hub(project) as again:
        assert again.post(signup(2)) == 200, "its sender sends it again"
        until(type_, "delivered", 2)
    assert len(there.effects) == 2
    assert json.loads(type_("audit", "--json").out)["ok"]
