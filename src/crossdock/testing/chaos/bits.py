"""Bits that flip in the file and in the log of a store while no hub runs. The next hub does what an undamaged one would
do, or it says what is wrong; it delivers nothing else."""

from __future__ import annotations

import copy
import random
import struct
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from crossdock.core.errors import StoreError
from crossdock.core.flow import Landscape
from crossdock.engine.audit import audit
from crossdock.stores.sqlite.backup import check
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import START_AT, VirtualClock, run_virtually

FLOWS = ("create_with_key", "put", "create_and_look_up", "batch", "two_steps")
NAME, LOG = "hub.db", "hub.db-wal"
LOG_HEAD_BYTES, FRAME_HEAD_BYTES, PAGE_BYTES = 32, 24, 4096
FRAME_BYTES = FRAME_HEAD_BYTES + PAGE_BYTES
_SHARED = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there
IN_MEMORY = _SHARED if _SHARED.is_dir() else None
"""No power goes here, so nothing need be flushed."""
LATER_S = 600.0
"""Virtual, between two lives."""


@dataclass
class Found:
    """A store as a hub left it, and the platform as it is then."""

    folder: Path
    platform: FakePlatform

    def places(self) -> list[tuple[str, range]]:
        """Where a bit may flip: anywhere but in the last commit of the log, and in the head of the frame before it,
        which look like a write that a power cut tore."""
        size = (self.folder / NAME).stat().st_size
        places = [(NAME, range(size))] if size else []
        log = self.folder / LOG
        data = log.read_bytes() if log.exists() else b""
        commits = [
            at for at in range(LOG_HEAD_BYTES, len(data), FRAME_BYTES) if struct.unpack_from(">I", data, at + 4)[0]
        ]
        if len(commits) > 2:
            before = commits[-2]
            places += [(LOG, range(before)), (LOG, range(before + FRAME_HEAD_BYTES, before + FRAME_BYTES))]
        return places


@dataclass
class Life:
    """What came of it."""

    effects: Counter[str]
    states: Counter[str]
    trouble: str = ""
    """what the hub said as it ended; "" = it did all that there was to do"""


def flips(seed: int, times: int) -> Ledger:
    """One store, damaged so many times, each time at another place."""
    chance = random.Random(f"bits/{seed}")  # noqa: S311 - the seed is the point
    ledger = Ledger()
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        found = _past(Path(folder), chance)
        whole = _next_life(found, Path(folder) / "whole")
        if whole.trouble:
            ledger.find("broken", f"without any damage: {whole.trouble}")
            return ledger
        for number in range(times):
            place = _draw(found, chance)
            life = _next_life(found, Path(folder) / f"{number}", place)
            _judge(ledger, Path(folder) / f"{number}", place, whole, life)
    return ledger


Place = tuple[str, int, int]
"""file, byte, bit"""


def _draw(found: Found, chance: random.Random) -> Place:
    places = found.places()
    file, within = chance.choices(places, [len(within) for _, within in places])[0]
    return file, chance.choice(within), chance.randrange(8)


# --- lives --------------------------------------------------------------------------------------------------------


def _landscape() -> Landscape:
    return landscape(*(flow(name) for name in FLOWS))


def _past(folder: Path, chance: random.Random) -> Found:
    """A hub with settled and unsettled work, which was stopped, or killed with a part of it only in its log."""
    platform, left = FakePlatform(), FakePlatform()
    kept = folder / "kept"
    kept.mkdir()

    async def live(killed: bool) -> None:
        async with stage(_landscape(), path=folder / NAME, platform=platform, seed=chance.randrange(1 << 30)) as here:
            await _work(here, chance, "early")
            await here.settle()
        async with stage(
            _landscape(), path=folder / NAME, platform=platform, clock=VirtualClock(START_AT + LATER_S), crash=True
        ) as here:
            for kind in ("create", "put", "find", "batch"):
                platform.faults[f"/{kind}"] = chance.choices(["refused", 503, 429], k=6)
            await _work(here, chance, "late")
            await here.clock.sleep(chance.uniform(0.0, 3.0))
            if killed:
                _copy(folder, kept)
                left.__dict__.update(_as_it_is(platform).__dict__)
        if not killed:
            _copy(folder, kept)
            left.__dict__.update(_as_it_is(platform).__dict__)

    run_virtually(live(chance.random() < 0.5))
    return Found(kept, left)


async def _work(here: Stage, chance: random.Random, when: str) -> None:
    for number in range(chance.randint(5, 15)):
        about = f"{when[0]}{chance.randint(1, 6)}"
        said = {"id": f"{when}{number}", "about": about, "value": f"{when}{number}", "version": f"{number:03}"}
        ballast = "x" * chance.choice((0, 0, 500, 9_000, 40_000))
        await here.send({**said, "ballast": ballast})


def _next_life(found: Found, folder: Path, flipped: Place | None = None) -> Life:
    folder.mkdir()
    _copy(found.folder, folder)
    if flipped is not None:
        _flip(folder, flipped)
    platform = _as_it_is(found.platform)
    states: Counter[str] = Counter()

    async def live() -> None:
        clock = VirtualClock(START_AT + 2 * LATER_S)
        async with stage(_landscape(), path=folder / NAME, platform=platform, clock=clock) as here:
            await here.settle()
            states.update(await here.states())
            states.update(f"{one.scope}: {one.what}" for one in await audit(here.store) if not one.agrees)

    trouble = ""
    try:
        run_virtually(live())
    except StoreError as error:
        trouble = str(error)
    # A label says which record it is of, and records are numbered as they come.
    return Life(Counter(value.partition(" of ")[0] for value in platform.effects), states, trouble)


def _flip(folder: Path, place: Place) -> None:
    name, byte, bit = place
    with (folder / name).open("r+b") as file:
        file.seek(byte)
        old = file.read(1)[0]
        file.seek(byte)
        file.write(bytes([old ^ 1 << bit]))


def _copy(source: Path, to: Path) -> None:
    for name in (NAME, LOG):
        if (source / name).exists():
            (to / name).write_bytes((source / name).read_bytes())


def _as_it_is(platform: FakePlatform) -> FakePlatform:
    return copy.deepcopy(replace(platform, sleep=None, faults=defaultdict(list)))


# --- the judge ----------------------------------------------------------------------------------------------------


def _judge(ledger: Ledger, folder: Path, place: Place, whole: Life, life: Life) -> None:
    name, byte, bit = place
    where = f"bit {bit} of byte {byte} of {name}"
    ledger.trials += 1
    ledger.harms["flipped bit"] += 1
    ledger.accepted += whole.effects.total()
    ledger.effects += life.effects.total()
    wrong = life.effects - whole.effects
    if wrong:
        ledger.find("phantoms", f"{where}: {dict(wrong)} happened, and would not have", wrong.total())
    if life.trouble:
        if "damaged" not in life.trouble and "is not a database" not in life.trouble:
            ledger.find("silent", f"{where}: the hub only said {life.trouble!r}")
        return
    missing = whole.effects - life.effects
    if missing:
        ledger.find("lost", f"{where}: {dict(missing)} never happened, and nobody was told", missing.total())
    if life.states != whole.states:
        ledger.find("silent", f"{where}: ends as {dict(life.states)}, not as {dict(whole.states)}")
    if not missing and name == NAME and _still_there(folder, place):
        _look_at_all(ledger, folder / NAME, where)


def _still_there(folder: Path, place: Place) -> bool:
    """Whether nothing was written since where the bit flipped."""
    _, byte, bit = place
    page = slice(byte - byte % PAGE_BYTES, byte - byte % PAGE_BYTES + PAGE_BYTES)
    flipped = bytearray((folder.parent / "kept" / NAME).read_bytes()[page])
    flipped[byte % PAGE_BYTES] ^= 1 << bit
    return (folder / NAME).read_bytes()[page] == flipped


def _look_at_all(ledger: Ledger, path: Path, where: str) -> None:
    """What no hub has read so far is found by whoever reads all of it, as a backup does."""
    try:
        check(path)
    except StoreError:
        return
    ledger.find("silent", f"{where}: a check of the whole file finds nothing")
