"""A real hub that is given less and less memory, while what is large, or grows in a map, comes beside the rest; after
it hubs that begin short, and hubs that have what they need."""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from crossdock.core.delivery import Delivery
from crossdock.core.message import message_id
from crossdock.core.states import DeliveryState, MessageState
from crossdock.engine.poison import ACCUSED, DEATHS, WHY
from crossdock.testing.chaos.deciding import held_for, let_go
from crossdock.testing.chaos.ending import finish
from crossdock.testing.chaos.landing import FLOWS, Senders, project_of
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.oracle import Oracle, oracle
from crossdock.testing.chaos.reckoning import MOST_ROWS, judge, opened
from crossdock.testing.live import HubProcess, command, signup

SHORTAGES = 3
ROOMS_BYTES = (200_000_000, 100_000_000, 50_000_000, 25_000_000)
"""Above what the hub uses when each begins."""
BIG_BYTES = 8_000_000
"""With what its map copies of it, a body just below the limit of 10 MiB."""
GROWS = 6
"""Strings of 15 MB that the map of such a message makes: within its budget, and more than a short hub has."""
RUNS_WILD = 20
"""Beyond the budget: quarantine."""
TOO_MUCH = "the program takes too many steps"
SHORT_S = (0.3, 1.5)
"""Each shortage lasts so long after what was sent into it."""
STARTS = 5
"""of hubs that begin short, at most: more than a message may kill"""
START_ROOM_BYTES = 60_000_000
START_S = (1.0, 2.5)
RESUMES_WITHIN_S = 30.0
ENDS_WITHIN_S = 30.0
LOOK_S = 0.1


def lacks() -> str:
    """Why this cannot run here; "" = it can."""
    return "" if sys.platform == "linux" else "needs Linux, to limit another process"


def shortages(seed: int, lives: int = SHORTAGES) -> Ledger:
    chance = random.Random(f"memory/{seed}")  # noqa: S311 - the seed is the point
    with oracle(chance, FLOWS) as there, tempfile.TemporaryDirectory() as folder:
        project = project_of(Path(folder) / "p", there.urls)
        trial = Trial(project, chance)
        there.trouble = chance.choice((0.0, 0.1))
        for _ in range(lives):
            trial.short()
            match chance.choice(("short from the start", "ample", "as before")):
                case "short from the start":
                    trial.begins_short()
                case "ample":
                    trial.ample()
        there.trouble = 0.0
        trial.finish(there)
        asyncio.run(judge(trial.ledger, project, trial.senders, there))
    return trial.ledger


class Trial:
    """One project, and what its hubs live through."""

    def __init__(self, project: Path, chance: random.Random) -> None:
        self.ledger = Ledger(trials=1)
        self.senders = Senders(chance)
        self._project = project
        self._chance = chance
        self._wild: list[int] = []
        """persons of whom the map can make nothing"""
        self._needs_bytes = 0
        """address space of a hub that has nothing to do yet"""

    def short(self) -> None:
        """One hub, until it dies of its want; one that lives through it must accept again once there is memory."""
        with HubProcess(self._project) as hub:
            self._needs_bytes = self._needs_bytes or _used_bytes(hub)
            for room in ROOMS_BYTES:
                if hub.process.poll() is None:
                    _limit(hub, _used_bytes(hub) + room)
                    self._feed(hub)
                    _ended(hub, self._chance.uniform(*SHORT_S))
            _limit(hub, resource.RLIM_INFINITY)
            if not self._resumes(hub):
                self.ledger.find("stuck", f"nothing is accepted {RESUMES_WITHIN_S:.0f} s after there was memory again")
            self._stop(hub)

    def begins_short(self) -> None:
        """What the one before left meets the next at its start, until it is done or set aside."""
        kilobytes = (self._needs_bytes + START_ROOM_BYTES) // 1024
        within = ("sh", "-c", 'ulimit -S -v "$0" && exec "$@"', str(kilobytes))
        for _ in range(STARTS):
            try:
                with HubProcess(self._project, within=within) as hub:
                    if not _ended(hub, self._chance.uniform(*START_S)):
                        self._stop(hub)
                        return
            except RuntimeError:
                pass  # it has ended before it was ready
            self.ledger.kills["memory"] += 1

    def ample(self) -> None:
        """A hub that has what it needs, for a moment."""
        with HubProcess(self._project) as hub:
            self.senders.more(self._chance.randint(1, 5))
            self.senders.send_to(hub)
            _ended(hub, self._chance.uniform(*SHORT_S))
            self._stop(hub)

    def finish(self, there: Oracle) -> None:
        """A last hub that nothing limits; and then once more, where a person lets go on what was set aside."""
        finish(self.ledger, self._project, self.senders)
        messages, held = asyncio.run(self._set_aside())
        self.ledger.set_aside += len(messages) + len(held)
        if messages:
            command(self._project, "quarantine", "retry", *messages)
        let_go(self._project, held, there)
        if messages or held:
            finish(self.ledger, self._project, self.senders)
        asyncio.run(self._judge_what_is_left())

    def _feed(self, hub: HubProcess) -> None:
        draw = self._chance.randint
        self.senders.more(draw(5, 15))
        self.senders.more(draw(0, 2), size=BIG_BYTES)
        self.senders.more(draw(0, 1), grows=GROWS)
        self._wild += self.senders.more(draw(0, 1), grows=RUNS_WILD)
        self.senders.shuffle()
        self.senders.send_to(hub)

    def _resumes(self, hub: HubProcess) -> bool:
        """Or it has ended."""
        ends_at = time.monotonic() + RESUMES_WITHIN_S
        while hub.process.poll() is None and time.monotonic() < ends_at:
            if hub.post(signup(f"ask {self._chance.random()}", type="unheard of")) == 200:
                return True
            time.sleep(LOOK_S)
        return hub.process.poll() is not None

    def _stop(self, hub: HubProcess) -> None:
        if hub.process.poll() is not None:
            self.ledger.kills["memory"] += 1
            return
        hub.process.terminate()
        if not _ended(hub, ENDS_WITHIN_S):
            self.ledger.find("stuck", f"a hub that was short of memory does not end when told to: {hub.log[-500:]}")

    async def _set_aside(self) -> tuple[Sequence[str], Mapping[tuple[str, str], Delivery]]:
        """What the hub has set aside for its deaths: messages, and deliveries as `let_go` takes them."""
        store = opened(self._project)
        try:
            for name, cell in (await store.cells(ACCUSED)).items():
                if int(cell.value) > DEATHS:
                    self.ledger.find("storms", f"{name} was at work when the hub died, {cell.value.decode()} times")
            messages = await store.messages(connection="in", state=MessageState.QUARANTINED, limit=MOST_ROWS)
        finally:
            await store.close()
        return [message.id for message in messages if message.reason == WHY], await held_for(self._project, WHY)

    async def _judge_what_is_left(self) -> None:
        """There is whose map used too much, and nothing else; only at the class none does a person decide."""
        store = opened(self._project)
        try:
            messages = await store.messages(connection="in", state=MessageState.QUARANTINED, limit=MOST_ROWS)
            left = await store.deliveries(states=[DeliveryState.HELD, DeliveryState.DEAD], limit=MOST_ROWS)
        finally:
            await store.close()
        for row in left:
            if row.flow != "none":
                self.ledger.find("stuck", f"{row.flow}: {row.key} is {row.state}: {row.reason}")
        wanted = {
            message_id("in", f"evt-{person}.0") for person in self._wild if self.senders.accepted.pop(person, None)
        }
        for missing in wanted - {message.id for message in messages}:
            self.ledger.find("silent", f"{missing} is more than its map may make, and not in quarantine")
        for message in messages:
            if message.id not in wanted or not (TOO_MUCH in message.reason or message.reason == WHY):
                self.ledger.find("lost", f"{message.id} is in quarantine: {message.reason}")


def _limit(hub: HubProcess, size_bytes: int) -> None:
    """Lower and higher as we like: the hard limit stays."""
    if hub.process.poll() is None:
        resource.prlimit(hub.process.pid, resource.RLIMIT_AS, (size_bytes, resource.RLIM_INFINITY))


def _used_bytes(hub: HubProcess) -> int:
    """Of address space, which is what the limit counts."""
    pages = Path(f"/proc/{hub.process.pid}/statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()


def _ended(hub: HubProcess, within_s: float) -> bool:
    ends_at = time.monotonic() + within_s
    while hub.process.poll() is None and time.monotonic() < ends_at:
        time.sleep(LOOK_S)
    return hub.process.poll() is not None
