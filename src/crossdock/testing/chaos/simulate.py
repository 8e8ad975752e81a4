"""One seed: a hub in virtual time, its senders, destinations with flaws, faults, crashes; then calm, and the judge."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar, cast

from crossdock.core import json
from crossdock.core.connector import Inbound, Reply
from crossdock.core.crash import POINTS
from crossdock.core.delivery import Delivery
from crossdock.core.errors import StoreError
from crossdock.core.secret import Credential
from crossdock.core.states import OPEN, DeliveryState
from crossdock.engine.context import Context
from crossdock.engine.leases import LEASE_S
from crossdock.engine.supervise import Hub
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.chaos.far_end import FarEnd
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.life import Killed, Life, Mortal, know_lives
from crossdock.testing.chaos.person import Person
from crossdock.testing.chaos.recorder import Recorder
from crossdock.testing.chaos.traffic import Said, Traffic
from crossdock.testing.chaos.verdict import judge, judge_books
from crossdock.testing.chaos.weather import Fault, Weather
from crossdock.testing.chaos.world import LONG_S, Safe, World
from crossdock.testing.stage import SIGNED_WITH, Tally
from crossdock.testing.virtual_clock import VirtualClock, run_virtually

REAL_ONLY = frozenset({"ingest.acked", "migrate.step", "checkpoint.start"})
"""Points that only a process with a socket and a file passes."""
RARE = frozenset({"batch.partial", "retention.deleted", "blob.written", "poll.page"})
"""Points that not every seed's hub comes to."""
COMMON = (*sorted(set(POINTS) - REAL_ONLY - RARE), "retry.scheduled", "dlq.moved", "dedupe.hit")
ZOMBIE = ("", 0)
"""In the place of a crash: a hub that is replaced while it stands still."""
REST_WITHIN_S = 7200.0
"""Virtual time after which what has not come to rest is stuck."""
RESTART_S = (0.7, 8.0)
"""Longer than what has left a hub is under way."""


T = TypeVar("T")


class Simulation:
    def __init__(self, seed: int, *, zombies: bool = False) -> None:
        """`zombies`: some hubs stand still until another has taken their place, as only several workers can."""
        self.chance = random.Random(f"crossdock/{seed}")  # noqa: S311 - the seed is the point
        chance = self.chance
        self.ledger = Ledger(trials=1)
        self.traffic = Traffic.of(chance)
        self.far = FarEnd(Weather.of(chance), chance)
        self.world = World.of(chance, polls=bool(self.traffic.rows), forgets=not zombies)
        if zombies:
            self.world.deadline_s = 3 * LEASE_S
        if self.world.forgets:
            self.traffic.repeat = self.traffic.conflict = 0.0
        if chance.random() < 0.3:
            self.far.tokens.host = chance.choice(sorted(self.world.hosts))
        self.clock = VirtualClock()
        self.store = cast(SqliteStore, Recorder(SqliteStore(":memory:", executor="inline", now=self.clock.now)))
        self.vault = Safe()
        self.hub: Hub | None = None
        self.life: Life | None = None
        self.up = asyncio.Event()
        self.accepted: defaultdict[str, list[Said]] = defaultdict(list)
        self.conflicts = 0
        self.calm = False
        self._busy = chance.choice((0.0, 0.0, 0.02))
        self.worker = "hub"
        self._zombies = zombies
        self.clock_jumps = chance.random() < 0.2
        self.crashes = [self._crash() for _ in range(chance.choice((0, 1, 1, 2, 3)))]

    def _crash(self) -> tuple[str, int] | None:
        if self.chance.random() < 0.2:
            return ZOMBIE if self._zombies else None
        rare = [
            *(("batch.partial",) * 3 if "batch" in self.world.hosts else ()),
            *(("token.answered", "token.persisted") * 2 if self.far.tokens.host else ()),
            *(("retention.deleted",) * 2 if min(self.world.kept.values()) < LONG_S else ()),
            *(("blob.written",) * 9 if "big" in self.traffic.lines else ()),
            *(("poll.page",) if self.traffic.rows else ()),
        ]
        point = self.chance.choice([*COMMON, *rare])
        return point, 1 if point in rare else self.chance.choice((1, 1, 2, 3, 5))

    # --- the hub ------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """A person connects the destination that asks for tokens."""
        host = self.far.tokens.host
        access, refresh, life_s = self.far.tokens.issue()
        plain = Credential(account=f"{host}.example")
        ends_at = self.clock.civil() + life_s
        self.vault.held[host] = plain.with_secrets(ends_at, access_token=access, refresh_token=refresh)

    async def _begin(self, life: Life) -> None:
        self.life = life
        self.world.edition += self.chance.choice((0, 1))
        context = Context(
            cast(Any, Mortal(self.store, life, self.chance, lambda: self._busy)),
            self.world.landscape(),
            self.clock,
            cast(Any, Mortal(self.far, life, self.chance)),
            cast(Any, Mortal(self.vault, life, self.chance)),
            Tally(),
            self.chance.random,
            worker=self.worker,
        )
        hub = Hub(context)
        await life.run(hub.start())
        self.hub = hub
        self.up.set()

    async def _end(self) -> None:
        assert self.life is not None
        self.up.clear()
        self.hub = None
        await self.life.end()
        low, high = RESTART_S
        await asyncio.sleep(low + self.chance.random() * (high - low))

    async def _doomed_life(self, crash: tuple[str, int] | None) -> None:
        """Until it dies at its point; one that never comes there, and one without a point, at some moment."""
        life = Life(crash, self._pass)
        with contextlib.suppress(StoreError, Killed):
            await self._begin(life)
        moment_s = self.chance.random() * 5.0 if crash is None else 30.0
        try:
            async with asyncio.timeout(moment_s):
                await life.dead.wait()
        except TimeoutError:
            if crash is not None and crash[0] == "shutdown.drain" and self.hub is not None:
                await life.run(self.hub.stop(1.0))
        if life.died_at or crash is None:
            self.ledger.kills[life.died_at or "moment"] += 1
        await self._end()

    async def _zombie_life(self) -> None:
        """A hub stands still until another one has taken its place, and then goes on as if nothing had been. What it
        had sent by then may land at any time within its deadline, long after its lease."""
        old = Life()
        with contextlib.suppress(StoreError):
            await self._begin(old)
        await asyncio.sleep(self.chance.random() * 3.0)
        self.far.dawdles = True
        await asyncio.sleep(self.chance.random())
        self.far.dawdles = False
        old.stand_still()
        self.up.clear()
        await asyncio.sleep(LEASE_S + 1.0)
        self.worker += "'"
        with contextlib.suppress(StoreError):
            await self._begin(Life(None, self._pass))
        await asyncio.sleep(self.chance.random() * 3.0)
        old.go_on()
        await asyncio.sleep(self.chance.random() * 5.0)
        await old.end()
        self.ledger.kills["zombie"] += 1
        await self._end()

    def _pass(self, point: str) -> None:
        self.ledger.passed[point] += 1

    # --- the senders --------------------------------------------------------------------------------------------

    async def _post(self, *bodies: Mapping[str, Any]) -> int:
        """The status; 0 when there was no answer."""
        await self.up.wait()
        hub, life = self.hub, self.life
        if hub is None or life is None:
            return 0
        said = [{"topic": "thing", **body} for body in bodies]
        body = json.encode(said[0] if len(said) == 1 else said)
        request = Inbound("POST", "https://hub.example/hooks/in", {"x-secret": SIGNED_WITH}, body)
        reply: Reply | None = await life.run(hub.receiver.receive("in", request))
        return reply.status if reply is not None else 0

    async def _until_accepted(self, *bodies: Mapping[str, Any]) -> None:
        while await self._post(*bodies) != 200:  # noqa: ASYNC110 - a sender waits, and tries again
            await asyncio.sleep(0.3 + self.chance.random())

    async def _line(self, line: list[Said]) -> None:
        traffic, chance = self.traffic, self.chance
        for said in line:
            await asyncio.sleep(chance.random() * chance.choice((0.01, 1.0, 4.0)))
            await self._until_accepted(said.body)
            self.accepted[said.key].append(said)
            if chance.random() < traffic.repeat:
                earlier = chance.choice(self.accepted[said.key])
                await self._until_accepted(earlier.body)
            if chance.random() < traffic.conflict:
                await self._until_accepted({**said.body, "value": f"{said.value}!other"})
                self.conflicts += 1

    async def _rows(self) -> None:
        for row in self.traffic.rows:
            await asyncio.sleep(self.chance.choice((0.0, 0.0, 3.0)))
            self.far.rows.append(dict(row))
            said = Said(str(row["about"]), int(row["number"]), row)
            self.accepted[said.key].append(said)

    # --- the run ------------------------------------------------------------------------------------------------

    async def _jump(self) -> None:
        """The wall clock is set, by somebody or something, again and again."""
        while not self.calm:
            await asyncio.sleep(self.chance.random() * 10.0)
            self.clock.civil_offset_s = self.chance.uniform(-48 * 3600.0, 48 * 3600.0)

    async def run(self) -> Ledger:
        self.far.intended = cast(Recorder, self.store).intended
        if self.far.tokens.host:
            self.connect()
        if self.clock_jumps:
            self._jumping = asyncio.create_task(self._jump())
        know_lives()
        senders = [asyncio.create_task(self._line(line)) for line in self.traffic.lines.values()]
        senders += [asyncio.create_task(self._until_accepted(body)) for body in self.traffic.nonsense]
        senders.append(asyncio.create_task(self._rows()))
        for crash in self.crashes:
            await (self._zombie_life() if crash == ZOMBIE else self._doomed_life(crash))
        await self._last_life(senders)
        started_at = asyncio.get_running_loop().time()
        self.ledger.virtual_s = started_at
        self.ledger.accepted = sum(map(len, self.accepted.values())) + len(self.traffic.nonsense)
        return self.ledger

    async def _last_life(self, senders: list[asyncio.Task[None]]) -> None:
        """Stormy for a while, then calm; a person decides what is held and dead, until nothing is."""
        await self._begin_surely(Life(None, self._pass))
        await asyncio.sleep(self.chance.random() * 20.0)
        self.calm = self.far.weather.clear = True
        self._busy = 0.0
        await asyncio.gather(*senders)
        if Fault.LATE in self.far.weather.kinds:
            await asyncio.sleep(2 * self.world.deadline_s)  # a person who looks sees all that is still under way
        if self.chance.random() < 0.05:
            await self._end()  # who looks at it later finds a hub that will die of one of her acts
            await self._begin_surely(Life(("replay.generation", 1), self._pass))
        person = Person(self)
        for _ in range(40):
            if not await self._rest():
                self.ledger.find("stuck", f"after {REST_WITHIN_S:.0f} s of calm: {await self._unrest()}")
                break
            if not await person.decides():
                break
        else:
            self.ledger.find("stuck", "a person decided forty times, and there was no end to it")
        await self._end()
        for flipped in cast(Recorder, self.store).flipped:
            self.ledger.find("flipped", flipped)
        judge(self.ledger, self.far, self.vault.put, self.accepted, self.world.hosts, person.again)
        await judge_books(self.ledger, self.store, [str(one["id"]) for one in self.traffic.nonsense], self.conflicts)
        self.ledger.held += person.held

    async def _begin_surely(self, life: Life) -> None:
        while True:
            try:
                await self._begin(life)
            except StoreError:
                await self._end()
                self.calm = True
                life = Life(None, self._pass)
                continue
            return

    async def _rest(self) -> bool:
        """True once every message is read, every event planned, and no delivery will move by itself."""
        ends_at = self.clock.now() + REST_WITHIN_S
        pause_s = 0.25
        while self.clock.now() < ends_at:
            if self.hub is None or self.hub.context.failed:  # it died, or it could not go on
                await self._restart_after_failure()
            elif await self._at_rest():
                return True
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.3, 5.0)
        return False

    async def act(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Something that a person has the hub do; None = the hub died of it."""
        assert self.life is not None
        done = await self.life.run(work)
        if self.life.died_at:
            self.ledger.kills[self.life.died_at] += 1
            self.hub = None
        return done

    async def _restart_after_failure(self) -> None:
        """A supervisor would: a hub ends itself when it cannot go on."""
        if self.hub is not None:
            for error in self.hub.context.failed:
                if not isinstance(error, StoreError):
                    self.ledger.find("ended", f"the hub ended itself: {type(error).__name__}: {error}")
        await self._end()
        await self._begin_surely(Life(None, self._pass))

    async def _at_rest(self) -> bool:
        if any(state == "received" for _, _, state in await self._waiting()):
            return False
        if self.hub is None:
            return False
        if self.hub.context.paused:
            return True  # until a person connects it
        if any(await self._unread(self.hub)):
            return False
        if self.traffic.rows and not await self._polled():
            return False
        return not await self._moving()

    async def _waiting(self) -> list[tuple[str, str, str]]:
        return [key for key, amount in (await self.store.tallies()).items() if amount and key[0] == "message"]

    async def _unread(self, hub: Hub) -> list[bool]:
        behind = []
        for planner in hub.planners.values():
            heads = await self.store.heads("events")
            positions = await self.store.positions(planner.lanes[0].reader, "events")
            behind.append(list(positions) != list(heads))
        return behind

    async def _polled(self) -> bool:
        """Whether the cursor stands behind the last row."""
        cell = await self.store.cell("poll/polled/rows")
        last = self.traffic.rows[-1]
        return cell is not None and tuple(json.decode(cell.value)) >= (last["at"], last["number"])

    async def _moving(self) -> list[Delivery]:
        """Those that the hub will move by itself: what waits behind a held or dead one of its key does not."""
        parked: set[tuple[str, str]] = set()
        moving = []
        for row in sorted(await self.store.deliveries(), key=lambda row: row.number):
            line = (row.flow, row.partitionkey)
            if row.state in {DeliveryState.HELD, DeliveryState.DEAD}:
                parked.add(line)
            elif row.state in OPEN and line not in parked:
                moving.append(row)
        return moving

    async def _unrest(self) -> str:
        rows = await self._moving()
        return "; ".join(f"{row.flow} {row.key} is {row.state}: {row.reason}" for row in rows[:5]) or "not all is read"


def simulate(seed: int, prepare: Callable[[Simulation], None] | None = None, *, zombies: bool = False) -> Ledger:
    """Deterministic: the same seed gives the same run. What is wrong is in the ledger's findings."""

    async def run() -> Ledger:
        simulation = Simulation(seed, zombies=zombies)
        if prepare is not None:
            prepare(simulation)
        return await simulation.run()

    return run_virtually(run())
