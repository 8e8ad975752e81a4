"""Reads the events for one flow and writes down what it will do with each: a delivery, or a counted skip."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from crossdock.core import crash
from crossdock.core.delivery import Delivery
from crossdock.core.effects import delivery_id
from crossdock.core.event import STREAM, Event
from crossdock.core.flow import Flow
from crossdock.core.lanes import Lane, lanes_of
from crossdock.core.routing import Skip, route_event
from crossdock.core.states import DeliveryState
from crossdock.core.work import Committed, Count, DeliveryMove, LaneFence, Position, Work
from crossdock.engine.context import Context
from crossdock.engine.deliver import Deliverer
from crossdock.engine.item import releases
from crossdock.engine.journal import Journal
from crossdock.engine.leases import Leases
from crossdock.engine.operate import planned_before

BATCH = 256
IDLE_S = 5.0
SUPERSEDABLE = (DeliveryState.WAITING, DeliveryState.RETRYING, DeliveryState.DEAD)


class Planner:
    """One flow's reader. A position says *planned*: every event up to it has a delivery row or a count."""

    def __init__(self, context: Context, deliverer: Deliverer, leases: Leases) -> None:
        self._context = context
        self._deliverer = deliverer
        self.flow: Flow = deliverer.flow
        self._leases = leases
        self.lanes = lanes_of(f"flow/{self.flow.name}", STREAM)
        self.turn = asyncio.Lock()
        """held from reading to commit: a position is set back between two turns"""

    async def run(self) -> None:
        before = await planned_before(self._context.store, self.flow.name)
        self._leases.planned_before({lane: before[lane.partition] for lane in self.lanes})
        while True:
            if not await self._context.is_connected(self.flow.connection):
                await self._context.signals.wait(f"room/{self.flow.name}", 1.0)
                continue
            room = self._deliverer.room()
            if room <= 0:
                await self._context.signals.wait(f"room/{self.flow.name}", 1.0)
                continue
            async with self.turn:
                after = self._leases.positions(self.lanes)
                events = await self._context.store.read(after, min(BATCH, room)) if after else ()
                await self.plan([event for event in events if isinstance(event, Event)], after)
            if not events:
                await self._context.signals.wait(f"events/{self.flow.name}", IDLE_S)

    async def plan(self, events: Sequence[Event], after: Mapping[Lane, int]) -> None:
        """One commit for all of them, if the lanes still stand where they were read from; then they are offered for
        delivery."""
        if not events:
            return
        now = self._context.clock.now()
        account = await self._context.account(self.flow.connection)
        skipped: Counter[str] = Counter()
        planned: dict[str, tuple[Delivery, Event]] = {}
        already = await self._already(events)
        for event in events:
            skip = Skip.ALREADY if event.id in already else route_event(self.flow, event, account, now=now)
            if skip is not None:
                skipped[skip] += 1
                continue
            row = Delivery(
                id=delivery_id(self.flow.name, event.id),
                flow=self.flow.name,
                event_id=event.id,
                key=event.key,
                partitionkey=event.partitionkey,
                partition=event.partition,
                number=event.number,
                planned_at=now,
            )
            planned[row.id] = (row, event)
        withdrawn = await self._withdraw(planned)
        await self._commit(events, after, planned, withdrawn, skipped, account, now)

    async def _already(self, events: Sequence[Event]) -> frozenset[str]:
        """After a rewind, events come by that have a delivery: it stays what it is."""
        if not any(event.number <= self._leases.planned(self._lane(event)) for event in events):
            return frozenset()
        first = [delivery_id(self.flow.name, event.id) for event in events]  # of several generations there may be
        rows = await self._context.store.deliveries(first, limit=len(first))
        return frozenset(row.event_id for row in rows)

    def _lane(self, event: Event) -> Lane:
        return self.lanes[event.partition]

    async def _withdraw(self, planned: dict[str, tuple[Delivery, Event]]) -> list[Delivery]:
        """`collapse: latest`: what waits behind the same entity is superseded by the newer event."""
        if self.flow.collapse != "latest":
            return []
        found: list[Delivery] = []
        for partitionkey in {row.partitionkey for row, _ in planned.values()}:
            if not self._deliverer.may_supersede(partitionkey):
                continue
            keys = {row.key for row, _ in planned.values() if row.partitionkey == partitionkey}
            rows = await self._context.store.deliveries(
                flow=self.flow.name, partitionkey=partitionkey, states=SUPERSEDABLE
            )
            found += [
                row
                for row in rows
                if row.key in keys and not await self._made_something(row) and self._deliverer.withdraw(row)
            ]
        return found

    async def _made_something(self, row: Delivery) -> bool:
        """What has begun to exist is finished, not superseded: else the newer event would make it a second time."""
        if not (row.outbound or row.revision):
            return False
        return Journal(await self._context.store.exchanges([row.id]), row.revision).made_something

    async def _commit(
        self,
        events: Sequence[Event],
        after: Mapping[Lane, int],
        planned: dict[str, tuple[Delivery, Event]],
        withdrawn: list[Delivery],
        skipped: Counter[str],
        account: str,
        now: float,
    ) -> None:
        flow = self.flow.name
        scope = f"flow/{flow}"
        ends = {self._lane(event): event.number for event in events}
        rows = [row for row, _ in planned.values()]
        work = Work(
            id=self._context.work_id(),
            guards=tuple(LaneFence(lane, self._leases.fence(lane), after[lane]) for lane in ends),
            deliveries=tuple(rows),
            delivery_moves=tuple(
                DeliveryMove(
                    row.id, row.state, DeliveryState.SUPERSEDED, reason="a newer state of its key came", settled_at=now
                )
                for row in withdrawn
            ),
            cross_references=tuple(
                release for row in withdrawn for release in releases(account, self.flow.action.model, row)
            ),
            positions=tuple(Position(lane, number) for lane, number in ends.items()),
            counts=(
                Count(scope, "read", len(events)),
                Count(scope, "planned", len(rows)),
                *(Count(scope, f"skipped:{reason}", amount) for reason, amount in skipped.items()),
            ),
        )
        result = await self._context.store.apply(work)
        crash.at("plan.committed")
        if isinstance(result, Committed):
            self._leases.moved(ends)
            for row, event in planned.values():
                self._deliverer.offer(row, event)
        for row in withdrawn:
            await self._deliverer.superseded(row)
        if not isinstance(result, Committed) and isinstance(result.guard, LaneFence):
            self._leases.refused(result.guard.lane)
