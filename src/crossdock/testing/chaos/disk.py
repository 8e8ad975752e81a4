"""A disk that keeps what was flushed and, when the power goes, of the rest whatever it likes; or that fails now and
then. Below SQLite, so that the store runs on it as it stands."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw

from crossdock.core.errors import StoreError
from crossdock.core.lanes import lanes_of
from crossdock.core.work import Count, Work
from crossdock.stores.sqlite import SqliteStore, opening
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.disks import sqlite, under_the_store
from crossdock.testing.store_promises import samples as a

SECTOR = 512
WORKS = 30
MOST_ROWS = 1_000_000
CHECKPOINT_PAGES = 24
"""Small, so that the log is copied into the file several times during one script."""
_names = itertools.count()


@dataclass(frozen=True, slots=True)
class Step:
    """What SQLite asked of the disk (`data` None, and nothing else: a flush), or a Work that was acknowledged."""

    file: str
    offset: int = 0
    data: bytes | None = None
    truncate: bool = False
    removed: bool = False
    acknowledged: str = ""


class Disk(apsw.VFS):
    """The default while it lasts. `fails`: which request (from 1) fails, and how it does."""

    def __init__(self, fails: tuple[int, type[apsw.Error]] | None = None) -> None:
        self.real = "unix"
        self.steps: list[Step] = []
        self._fails = fails
        self._requests = 0
        super().__init__(f"chaos {next(_names)}", self.real, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self.steps.append(Step(Path(filename).name, removed=True))

    def note(self, step: Step) -> None:
        """Raises what this request is to fail with."""
        self._requests += 1
        if self._fails is not None and self._requests == self._fails[0]:
            raise self._fails[1]("the disk fails here")
        self.steps.append(step)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(path).name if path else ""
        super().__init__(disk.real, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.note(Step(self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.note(Step(self._name, newsize, truncate=True))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.note(Step(self._name))
        super().xSync(flags)


@contextlib.contextmanager
def _disk(fails: tuple[int, type[apsw.Error]] | None = None) -> Iterator[Disk]:
    before = opening.CHECKPOINT_PAGES
    opening.CHECKPOINT_PAGES = CHECKPOINT_PAGES
    try:
        with under_the_store(Disk(fails)) as disk:
            yield disk
    finally:
        opening.CHECKPOINT_PAGES = before


def work(name: str) -> Work:
    return Work(
        name,
        payloads=(a.payload(name),),
        arrivals=(a.arrival(name),),
        messages=(a.message(name, hint=f"h{name[-1]}"),),
        counts=(Count("connection/shop", "accepted", 1),),
    )


async def _write(path: Path, acknowledge: Callable[[str], None]) -> None:
    """The script: small commits, one after another. Ends at the first that cannot be durable."""
    store = SqliteStore(path, executor="inline")
    try:
        for number in range(WORKS):
            await store.apply(work(f"w{number}"))
            acknowledge(f"w{number}")
    finally:
        with contextlib.suppress(StoreError, apsw.Error):
            await store.close()


async def judge(ledger: Ledger, path: Path, acknowledged: list[str], where: str) -> None:
    try:
        store = SqliteStore(path, executor="inline")
    except StoreError as error:
        ledger.find("lost", f"{where}: the store does not open: {error}", len(acknowledged))
        return
    lost = [name for name in acknowledged if not await store.applied(name)]
    if lost:
        ledger.find("lost", f"{where}: {len(lost)} of {len(acknowledged)} acknowledged are gone", len(lost))
    heads = await store.heads("inbox/shop")
    lanes = lanes_of("normalise", "inbox/shop")
    rows = await store.read(dict.fromkeys(lanes, 0), MOST_ROWS)
    if len(rows) != sum(heads) or (await store.counts()).get(("connection/shop", "accepted"), 0) != len(rows):
        ledger.find("silent", f"{where}: {len(rows)} rows, but the sums say otherwise")
    await store.close()
    damage = sqlite(path).pragma("integrity_check")
    if damage != "ok":
        ledger.find("lost", f"{where}: the file is damaged: {damage}")


# --- power cuts ---------------------------------------------------------------------------------------------------


class Platter:
    """What is surely on the disk after each step, and what perhaps."""

    def __init__(self) -> None:
        self._sure: dict[str, bytearray] = {}
        self._perhaps: dict[str, list[Step]] = {}

    def take(self, step: Step) -> None:
        if step.removed:
            self._sure.pop(step.file, None)
            self._perhaps.pop(step.file, None)
            return
        waiting = self._perhaps.setdefault(step.file, [])
        if step.data is not None or step.truncate:
            waiting.append(step)
            return
        for one in waiting:
            _put(self._sure.setdefault(step.file, bytearray()), one)
        waiting.clear()

    def cut(self, folder: Path, chance: random.Random) -> None:
        """The power goes: writes that were not flushed are there, or not, or in part, in any combination."""
        for name in self._perhaps:
            image = bytearray(self._sure.get(name, b""))
            odds = chance.choice((0.0, 0.5, 0.9))
            for step in self._perhaps[name]:
                if chance.random() < odds:
                    _put(image, step if step.truncate else _torn(step, chance))
            if not name.endswith("-shm"):
                (folder / name).write_bytes(image)


def _put(image: bytearray, step: Step) -> None:
    if step.truncate:
        del image[step.offset :]
        return
    assert step.data is not None
    if len(image) < step.offset:
        image.extend(bytes(step.offset - len(image)))
    image[step.offset : step.offset + len(step.data)] = step.data


def _torn(step: Step, chance: random.Random) -> Step:
    assert step.data is not None
    if chance.random() < 0.7 or len(step.data) <= SECTOR:
        return step
    return Step(step.file, step.offset, step.data[: SECTOR * chance.randint(1, len(step.data) // SECTOR)])


def power_cuts(seed: int, cuts: int) -> Ledger:
    """One script, cut off at so many places."""
    chance = random.Random(f"power/{seed}")  # noqa: S311 - the seed is the point
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as folder, _disk() as disk:
        path = Path(folder) / "hub.db"
        asyncio.run(_write(path, lambda name: disk.steps.append(Step("", acknowledged=name))))
        steps = list(disk.steps)
    wanted = sorted(chance.sample(range(1, len(steps)), min(cuts, len(steps) - 1)))
    platter, acknowledged = Platter(), list[str]()
    for number, step in enumerate(steps, 1):
        if step.acknowledged:
            acknowledged.append(step.acknowledged)
        else:
            platter.take(step)
        if number in wanted:
            with tempfile.TemporaryDirectory() as folder:
                platter.cut(Path(folder), chance)
                asyncio.run(judge(ledger, Path(folder) / "hub.db", acknowledged, f"cut at step {number}"))
            ledger.trials += 1
            ledger.harms["power cut"] += 1
            ledger.accepted += len(acknowledged)
    return ledger


# --- failing requests ---------------------------------------------------------------------------------------------


def faults(seed: int, points: int) -> Ledger:
    """The script again and again; each time another request to the disk fails."""
    chance = random.Random(f"disk/{seed}")  # noqa: S311 - the seed is the point
    with tempfile.TemporaryDirectory() as folder, _disk() as disk:
        asyncio.run(_write(Path(folder) / "hub.db", lambda _: None))
        requests = len(disk.steps)
    ledger = Ledger()
    for point in sorted(chance.sample(range(1, requests + 1), min(points, requests))):
        kind = chance.choice((apsw.IOError, apsw.FullError))
        acknowledged: list[str] = []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "hub.db"
            with _disk((point, kind)), contextlib.suppress(StoreError):
                asyncio.run(_write(path, acknowledged.append))
            asyncio.run(judge(ledger, path, acknowledged, f"request {point} failed with {kind.__name__}"))
        ledger.trials += 1
        ledger.harms["disk fault"] += 1
        ledger.accepted += len(acknowledged)
    return ledger
