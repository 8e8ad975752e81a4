"""Look-ups by key that are asked at one moment, in one round trip: each delivery asks for the record of its own key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from crossdock.core.xref import CrossReference

Found = Mapping[str, CrossReference]
Ask = Callable[[str, str, Sequence[str]], Awaitable[Sequence[CrossReference]]]
"""(account, model, keys)"""


class Gathering:
    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._asked: dict[tuple[str, str], tuple[dict[str, None], asyncio.Task[Found]]] = {}

    async def of(self, account: str, model: str, key: str) -> Sequence[CrossReference]:
        """As it is at this moment or later."""
        there = self._asked.get((account, model))
        if there is None:
            keys: dict[str, None] = {}
            there = self._asked[account, model] = keys, asyncio.create_task(self._look_up(account, model, keys))
        there[0][key] = None
        found = (await asyncio.shield(there[1])).get(key)
        return () if found is None else (found,)

    async def _look_up(self, account: str, model: str, keys: dict[str, None]) -> Found:
        await asyncio.sleep(0)  # who else asks now comes along
        del self._asked[account, model]
        return {found.key: found for found in await self._ask(account, model, list(keys))}
