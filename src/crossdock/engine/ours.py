"""A platform may tell of what the hub does there before it has answered the hub: such a message waits for the outcome.

Else what the hub itself has made would come in as somebody else's, and go back to where it came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crossdock.core.flow import Flow
from crossdock.core.states import DeliveryState
from crossdock.core.xref import LinkState
from crossdock.engine.context import Context
from crossdock.engine.item import releases

PATIENCE_S = 60.0
"""From when the message came. What is not resolved by then is looked up later, and what came in goes its way."""
UNDER_WAY = (DeliveryState.SENDING, DeliveryState.RESOLVING)


class Ours:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def writes(self, account: str, model: str) -> bool:
        """Whether a flow makes or changes such records there."""
        return bool(await self._writers(account, model))

    async def under_way(self, account: str, model: str, key: str, since: float) -> bool:
        """Whether the hub may have changed this record by a request of which it does not know the outcome yet. `key` is
        whose record it is, "" = nobody's: then it may be one that the hub was making before `since`."""
        for flow in await self._writers(account, model):
            rows = await self._context.store.deliveries(flow=flow.name, states=UNDER_WAY)
            keys = {one.key for row in rows for one in releases(account, model, row)}
            if key in keys or (keys and not key and await self._claimed(account, model, keys, since)):
                return True
        return False

    async def _writers(self, account: str, model: str) -> Sequence[Flow]:
        return [
            flow
            for flow in self._context.landscape.flows.values()
            if flow.action.links
            and flow.action.model == model
            and await self._context.leads_to(flow.connection, account)
        ]

    async def _claimed(self, account: str, model: str, keys: Iterable[str], since: float) -> bool:
        rows = await self._context.store.cross_references(account=account, model=model, keys=sorted(keys))
        return any(row.state is LinkState.CLAIMED and row.updated_at <= since for row in rows)
