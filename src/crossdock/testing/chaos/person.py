"""The person at the hub, when all is calm: looks at the destination and decides what the hub cannot."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from crossdock.core.delivery import Delivery
from crossdock.core.errors import UsageError
from crossdock.core.event import Event
from crossdock.core.json import decode
from crossdock.core.states import DeliveryState
from crossdock.engine.operate import Operator
from crossdock.engine.supervise import Hub
from crossdock.testing.chaos.verdict import BAD, EACH_ONCE

if TYPE_CHECKING:
    from crossdock.testing.chaos.simulate import Simulation

CANNOT_KNOW = "the outcome is unknown and this action has no way to find out"


class Person:
    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.held = 0
        """unknown outcomes at the destination that offers nothing"""
        self.again: dict[tuple[str, str], tuple[int, int]] = {}
        self._wishes = [wish for wish in ("again", "rewind") if simulation.chance.random() < 0.2]
        """what is done in the end, for no need"""

    async def decides(self) -> bool:
        """Whether there was anything to decide."""
        simulation = self._simulation
        hub = simulation.hub
        assert hub is not None
        reconnected = False
        for connection in list(hub.context.paused):
            simulation.connect()
            await hub.credential_changed(connection)
            reconnected = True
        rows = await simulation.store.deliveries(states=[DeliveryState.HELD, DeliveryState.DEAD])
        events = {event.id: event for event in await simulation.store.events([row.event_id for row in rows])}
        operator = Operator(hub.context, "a person")
        seen: set[tuple[str, str]] = set()
        for row in rows:
            if (row.flow, row.partitionkey) in seen:
                continue  # what stands behind the head of its key is left for the next look
            seen.add((row.flow, row.partitionkey))
            await simulation.act(self._decide(operator, row, events[row.event_id]))
            await hub.deliverers[row.flow].wake_key(row.partitionkey)
        if rows or reconnected:
            return True
        if self._wishes:
            wish = self._wishes.pop()
            return await (self._perform_again(operator) if wish == "again" else self._rewind(hub))
        return False

    async def _rewind(self, hub: Hub) -> bool:
        """One flow reads everything again: nothing may come of it."""
        await self._simulation.act(hub.rewind(self._simulation.chance.choice(sorted(hub.planners)), "a person"))
        return True

    async def _decide(self, operator: Operator, row: Delivery, event: Event) -> None:
        value = str(decode(event.data)["value"])
        if row.state is DeliveryState.DEAD and value.endswith(BAD):
            await operator.discard(row)
            await self._too_late(operator.retry(row))
            return
        if row.state is DeliveryState.DEAD:
            await operator.retry(row)
            return
        if row.flow == "none" and row.reason.startswith(CANNOT_KNOW):
            self.held += 1
        made = [one for one in self._simulation.far.made if (one.host, one.value) == (row.flow, value)]
        if made:
            await operator.adopt(row, made[-1].record)
            await self._too_late(operator.discard(row))
            return
        try:
            await operator.resend(row)
        except UsageError:
            await operator.retry(row)

    @staticmethod
    async def _too_late(act: Awaitable[None]) -> None:
        """Of somebody else, who looked before the first one acted: it is refused."""
        with contextlib.suppress(UsageError):
            await act

    async def _perform_again(self, operator: Operator) -> bool:
        simulation = self._simulation
        hub = simulation.hub
        assert hub is not None
        rows = await simulation.store.deliveries(states=[DeliveryState.DELIVERED])
        rows = [row for row in rows if row.flow in EACH_ONCE]
        if not rows or simulation.world.forgets:
            return False
        row = simulation.chance.choice(rows)
        events = await simulation.store.events([row.event_id])
        if not events:
            return False  # nobody remembers it
        self.again[row.flow, str(decode(events[0].data)["value"])] = (1, 1)
        if await simulation.act(operator.perform_again(row)) is None:
            return True
        await hub.deliverers[row.flow].wake_key(row.partitionkey)
        return True
