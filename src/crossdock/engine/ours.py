"""A platform may tell of what the hub does there before it has answered the hub: such a message waits for the outcome.
Where that stays unknown for long, only what is alike waits on, in quarantine, and delays no other.

Else what the hub itself has made would come in as somebody else's, and go back to where it came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crossdock.core import json
from crossdock.core.flow import Flow
from crossdock.core.states import DeliveryState
from crossdock.engine.context import Context

PATIENCE_S = 60.0
"""From when the message came. What is not resolved by then is looked up later, and what came in goes its way, unless it
is alike."""
IN_DOUBT = (DeliveryState.SENDING, DeliveryState.RESOLVING, DeliveryState.HELD)


class Ours:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def writes(self, account: str, model: str) -> bool:
        """Whether a flow makes or changes such records there."""
        return bool(await self._writers(account, model))

    async def under_way(self, account: str, model: str, key: str, since: float) -> bool:
        """Whether the hub may have changed this record by a request of which it does not know the outcome yet. `key` is
        whose record it is, "" = nobody's: then it may be one that the hub was making before `since`."""
        store = self._context.store
        records = [key] if key else await store.claimed_keys(account, model, since)
        keys = {entity for record in records for entity in _entities(record)}
        if not keys:
            return False
        for flow in await self._writers(account, model):
            if await store.keys_under_way(flow.name, keys):
                return True
        return False

    async def maker(self, account: str, model: str, data: Mapping[str, Any], since: float) -> str:
        """The delivery that may have made a record of these values there before `since`, without an answer so far;
        "" = there is none. What it has sent is known where its event is of this model."""
        store = self._context.store
        keys = {entity for record in await store.claimed_keys(account, model, since) for entity in _entities(record)}
        if not keys:
            return ""
        for flow in await self._writers(account, model):
            rows = await store.deliveries(flow=flow.name, states=IN_DOUBT)
            makers = {row.event_id: row.id for row in rows if row.key in keys}
            for event in await store.events(list(makers)) if makers else ():
                if event.model == model and _alike(json.decode(event.data), data):
                    return makers[event.id]
        return ""

    async def _writers(self, account: str, model: str) -> Sequence[Flow]:
        return [
            flow
            for flow in self._context.landscape.flows.values()
            if flow.action.links
            and flow.action.model == model
            and await self._context.leads_to(flow.connection, account)
        ]


def _alike(sent: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """In all that both of them say. A platform may keep less than it is sent, and tells more of it."""
    both = sent.keys() & told.keys()
    return bool(both) and all(sent[name] == told[name] for name in both)


def _entities(key: str) -> Iterator[str]:
    """Whose delivery may write the record under this key: its own, or, where a flow makes several records of an entity,
    that of the `entity` in `entity#name`."""
    yield key
    for index, character in enumerate(key):
        if character == "#":
            yield key[:index]
