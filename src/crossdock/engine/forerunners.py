"""A need is the entity as the event knew it, not only that it exists: a payment waits for the invoice's last edit.

Flows run beside one another, so a payment could overtake the update of its invoice that stands before it in the stream,
and be booked against an amount that is out of date. What shares a partition key is in order, so "before" is known.
"""

from __future__ import annotations

from collections.abc import Sequence

from crossdock.core.delivery import Delivery
from crossdock.core.event import STREAM, Event
from crossdock.core.flow import Flow, Landscape, Need
from crossdock.core.states import SETTLED, DeliveryState
from crossdock.core.store import Store


class Forerunners:
    """Of one flow: the flows that write, at the same destination, what it needs."""

    def __init__(self, store: Store, landscape: Landscape, flow: Flow) -> None:
        self._store = store
        self._by_model = {
            need.model: [
                other
                for other in landscape.flows.values()
                if other.name != flow.name
                and other.connection == flow.connection
                and other.action.links
                and other.action.model == need.model
            ]
            for need in flow.needs
        }

    async def unfinished(self, need: Need, key: str, event: Event) -> bool:
        """Whether an earlier event of the needed entity is still on its way there. An entity with a partition key of
        its own is in no order with the event: then it is enough that it exists."""
        if key != event.partitionkey:
            return False
        for other in self._by_model[need.model]:
            planned = await self._store.positions(f"flow/{other.name}", STREAM)
            if planned[event.partition] < event.number - 1:
                return True
            rows = await self._store.deliveries(flow=other.name, partitionkey=event.partitionkey)
            if _unfinished(other, [row for row in rows if row.key == key], event.number):
                return True
        return False


def _unfinished(flow: Flow, rows: Sequence[Delivery], number: int) -> bool:
    """Of the rows before `number`, one is open or waits for a person; or the last of them was superseded by a newer
    one, which is still to bring what it would have brought."""
    before = [row for row in rows if row.number < number]
    if any(not _finished(flow, row) for row in before):
        return True
    if not before or before[-1].state is not DeliveryState.SUPERSEDED:
        return False
    heir = next((row for row in rows if row.number > number and row.state is not DeliveryState.SUPERSEDED), None)
    return heir is not None and not _finished(flow, heir)


def _finished(flow: Flow, row: Delivery) -> bool:
    return row.state in SETTLED or (row.state is DeliveryState.DEAD and flow.on_dead == "skip")
