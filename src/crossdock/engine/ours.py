"""A platform may tell of what the hub does there before it has answered the hub: such a message waits for the outcome.

Else what the hub itself has made would come in as somebody else's, and go back to where it came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossdock.core.flow import Flow
from crossdock.engine.context import Context

PATIENCE_S = 60.0
"""From when the message came. What is not resolved by then is looked up later, and what came in goes its way."""


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

    async def _writers(self, account: str, model: str) -> Sequence[Flow]:
        return [
            flow
            for flow in self._context.landscape.flows.values()
            if flow.action.links
            and flow.action.model == model
            and await self._context.leads_to(flow.connection, account)
        ]


def _entities(key: str) -> Iterator[str]:
    """Whose delivery may write the record under this key: its own, or, where a flow makes several records of an entity,
    that of the `entity` in `entity#name`."""
    yield key
    for index, character in enumerate(key):
        if character == "#":
            yield key[:index]
