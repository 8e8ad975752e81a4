"""The lanes this worker holds: where each reader stands, and the fence under which it may write.

Every worker knows who is at work and comes to the same shares. It asks for the lanes of its share, and gives up those
of another's once what is under way there has ended. Who holds a lane is decided by the store alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from crossdock.core import crash
from crossdock.core.lanes import Lane, share_of
from crossdock.core.store import Leased, Worker
from crossdock.core.work import LaneFence
from crossdock.engine.context import Context
from crossdock.engine.signals import LEASES

LEASE_S = 10.0
RENEW_S = 2.5


class Holder(Protocol):
    """What works on a reader's partitions beside its reading. Implemented by `deliver.Deliverer`."""

    async def take(self, fences: Mapping[int, LaneFence]) -> None:
        """After they were leased, before they are read."""
        ...

    async def give_up(self, partitions: Collection[int]) -> None:
        """Before others may lease them; returns when nothing is under way there."""
        ...

    def lose(self, partitions: Collection[int]) -> None:
        """Others hold them."""
        ...


class _Reader:
    def __init__(self, lanes: Iterable[Lane], role: str, holder: Holder | None) -> None:
        self.lanes = tuple(lanes)
        self.role = role
        self.holder = holder
        self.turn = asyncio.Lock()
        """its partitions are taken up and given up one after another"""


class Leases:
    def __init__(self, context: Context, counted: Callable[[int], None]) -> None:
        """`counted` is told how many workers there are, this one included."""
        self._context = context
        self._counted = counted
        self._readers: list[_Reader] = []
        self._leased: dict[Lane, Leased] = {}
        self._held: dict[Lane, Leased] = {}
        """those of them that are read: not the ones being taken up or given up"""
        self._taking: set[Lane] = set()
        self._leaving: set[Lane] = set()
        self._planned: dict[Lane, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking = asyncio.Lock()
        """held from choosing lanes to noting what the store said of them: else a renewal under way takes back a lane
        that is handed over beside it, which is then handed over again, and wakes every worker each time"""
        self._asked: frozenset[Lane] = frozenset()
        """those of which it is not noted yet what the store said"""
        self._renewed_at: float | None = None
        self._patient_until = 0.0
        self._workers: Sequence[Worker] = ()

    def serve(self, lanes: Iterable[Lane], role: str, holder: Holder | None = None) -> None:
        """A reader, to be shared among the workers of this role."""
        self._readers.append(_Reader(lanes, role, holder))

    def workers_of(self, role: str) -> list[str]:
        """Who takes part in it, this worker included, as far as it has looked."""
        return [worker.name for worker in self._workers if worker.role in {role, "all"}]

    async def start(self) -> None:
        """Returns with the first lanes taken up. What an earlier life of this worker held comes under a new fence."""
        lanes = [lane for reader in self._readers for lane in reader.lanes]
        await self._lease(lanes, until=self._context.clock.now())
        await self.renew()
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def run(self) -> None:
        while True:
            await self._context.signals.wait(LEASES, RENEW_S)
            await self.renew()

    async def stop(self) -> None:
        """The others may go on at once. Nothing is under way any more. What a renewal had asked for that was cut short
        may be this worker's unawares."""
        for task in self._tasks:
            task.cancel()
        now = self._context.clock.now()
        lanes = self._leased.keys() | self._asked
        self._held.clear()
        self._leased.clear()
        self._leaving.clear()
        await self._context.store.workers(self._me, now, now)
        await self._lease(lanes, until=now)
        self._context.signals.ring(LEASES)

    # --- who holds what -----------------------------------------------------------------------------------------

    @property
    def _me(self) -> Worker:
        return Worker(self._context.worker, self._context.role)

    async def renew(self) -> None:
        async with self._asking:
            await self._renew()

    async def _renew(self) -> None:
        now = self._context.clock.now()
        before = {worker.name for worker in self._workers}
        self._workers = await self._context.store.workers(self._me, now + LEASE_S, now)
        self._counted(max(len(self._workers), 1))
        if self._context.worker not in before:
            self._context.signals.ring(LEASES)
        wanted = self._wanted()
        self._leave([lane for lane in self._leased if lane not in wanted and lane not in self._leaving])
        asked = wanted | self._leaving
        stood = {lane: one.position for lane, one in self._held.items()}
        if self._others_first():
            asked &= self._leased.keys()
        self._asked = frozenset(asked)
        leased = await self._lease(asked, until=now + LEASE_S)
        self._renewed_at = now
        crash.at("claim.leased")
        for reader in self._readers:
            self._compare(reader, leased, stood)
        self._asked = frozenset()

    def _others_first(self) -> bool:
        """After a time in which nobody could sign in, whoever comes first takes nothing: all leases ran out, and the
        others get a turn."""
        now = self._context.clock.now()
        if self._renewed_at is not None and now - self._renewed_at > LEASE_S:
            self._patient_until = now + RENEW_S
        return now < self._patient_until

    def _wanted(self) -> set[Lane]:
        wanted: set[Lane] = set()
        for reader in self._readers:
            share = share_of(self._context.worker, self.workers_of(reader.role))
            wanted.update(lane for lane in reader.lanes if lane.partition in share)
        return wanted

    async def _lease(self, lanes: Collection[Lane], until: float) -> Mapping[Lane, Leased]:
        ordered = sorted(lanes, key=lambda lane: (lane.reader, lane.stream, lane.partition))
        now = self._context.clock.now()
        return await self._context.store.lease(ordered, self._context.worker, until, min(now, until))

    def _compare(self, reader: _Reader, leased: Mapping[Lane, Leased], stood: Mapping[Lane, int]) -> None:
        """What this reader has lost since, what it has gained, and where it was set back."""
        lost: list[Lane] = []
        gained: dict[Lane, Leased] = {}
        for lane in reader.lanes:
            had, has = self._leased.get(lane), leased.get(lane)
            if had is not None and (has is None or has.fence != had.fence):
                lost.append(lane)
            if has is not None and (had is None or has.fence != had.fence):
                gained[lane] = has
            elif has is not None and (has.position < stood.get(lane, 0) or not self._is_settled(lane)):
                self._held[lane] = has
                self._context.signals.heard(_signal(lane))
        for lane in lost:
            self._leased.pop(lane)
            self._held.pop(lane, None)
            self._leaving.discard(lane)
            self._taking.discard(lane)
        if lost and reader.holder is not None:
            reader.holder.lose({lane.partition for lane in lost})
        if gained:
            self._leased.update(gained)
            self._taking.update(gained)
            self._begin(self._take(reader, gained))

    def _is_settled(self, lane: Lane) -> bool:
        return lane in self._held or lane in self._taking or lane in self._leaving

    async def _take(self, reader: _Reader, gained: Mapping[Lane, Leased]) -> None:
        async with reader.turn:
            gained = {lane: one for lane, one in gained.items() if self._leased.get(lane) is one}
            if reader.holder is not None:
                await reader.holder.take({lane.partition: LaneFence(lane, one.fence) for lane, one in gained.items()})
            for lane, one in gained.items():
                if self._leased.get(lane) is one:
                    self._taking.discard(lane)
                    self._planned[lane] = max(self._planned.get(lane, 0), one.position)
                    if lane not in self._leaving:
                        self._held[lane] = one
                        self._context.signals.heard(_signal(lane))
                elif reader.holder is not None:
                    reader.holder.lose({lane.partition})

    def _leave(self, lanes: Sequence[Lane]) -> None:
        """Nothing more is read there. Renewed until what is under way has ended."""
        self._leaving.update(lanes)
        for lane in lanes:
            self._held.pop(lane, None)
        for reader in self._readers:
            if mine := [lane for lane in reader.lanes if lane in lanes]:
                self._begin(self._hand_over(reader, mine))

    async def _hand_over(self, reader: _Reader, lanes: Sequence[Lane]) -> None:
        if reader.holder is not None:
            async with reader.turn:
                await reader.holder.give_up({lane.partition for lane in lanes})
        async with self._asking:
            lanes = [lane for lane in lanes if lane in self._leaving]
            self._leaving.difference_update(lanes)
            for lane in lanes:
                self._leased.pop(lane, None)
            self._asked = frozenset(lanes)
            await self._lease(lanes, until=self._context.clock.now())
            self._asked = frozenset()
        if lanes:
            self._context.signals.abroad(LEASES)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._context.fail(error)

    # --- what the readers ask -----------------------------------------------------------------------------------

    def holds(self, lane: Lane) -> bool:
        return lane in self._held

    def positions(self, lanes: Iterable[Lane]) -> Mapping[Lane, int]:
        """Of those that are held."""
        return {lane: self._held[lane].position for lane in lanes if lane in self._held}

    def fence(self, lane: Lane) -> int:
        lease = self._leased.get(lane)
        return lease.fence if lease is not None else -1

    def sure_of(self, fence: LaneFence) -> bool:
        """Whether no other worker can hold the lane by now, also where this one has just stood still."""
        renewed_at = self._renewed_at
        fresh = renewed_at is not None and self._context.clock.now() < renewed_at + LEASE_S
        return fresh and self.fence(fence.lane) == fence.fence

    def planned(self, lane: Lane) -> int:
        """The highest position known of this lane: below it, a reader that was set back reads again."""
        return self._planned.get(lane, 0)

    def planned_before(self, positions: Mapping[Lane, int]) -> None:
        """How far lanes had come before they were set back, in an earlier life perhaps."""
        for lane, number in positions.items():
            self._planned[lane] = max(self._planned.get(lane, 0), number)

    def moved(self, ends: Mapping[Lane, int]) -> None:
        """Positions that were committed."""
        for lane, number in ends.items():
            lease = self._held.get(lane)
            if lease is not None:
                self._held[lane] = replace(lease, position=number)
            self._planned[lane] = max(self._planned.get(lane, 0), number)

    def refused(self, lane: Lane) -> None:
        """Another worker holds it, or it was set back: nothing more is read here until that is known."""
        self._held.pop(lane, None)
        self._context.signals.heard(LEASES)

    def set_back(self, positions: Mapping[Lane, int]) -> None:
        """A rewind, after its commit."""
        for lane, number in positions.items():
            lease = self._held.get(lane)
            if lease is not None:
                self._held[lane] = replace(lease, position=number)


def _signal(lane: Lane) -> str:
    """What its reader waits for."""
    return f"events/{lane.reader.partition('/')[2]}" if lane.stream == "events" else lane.stream
