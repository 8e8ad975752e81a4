"""Plays the life of a shop: hundreds of changes in their order, over as many seconds as the viewer has patience for."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from crossdock.cli.demo.desk import Desk
from crossdock.cli.demo.mischief import KINDS, script
from crossdock.sandbox.shopify.trade import Step, Trade, trade

TICK_S: Final = 0.05
LONGEST_NAME: Final = 80
KNOWN_IN_QUICKBOOKS: Final = 0.3
"""share of the shop's customers that are in QuickBooks already, typed in by hand in the years before"""

Look = Callable[[int, int], Awaitable[bool]]
"""(changes that have happened, all of them) → whether the hub keeps up with them"""


class Trader:
    """One shop's life of `orders` orders, squeezed into about `span_s` seconds."""

    def __init__(self, shop: Desk, platforms: Sequence[Desk], orders: int, seed: int, span_s: float) -> None:
        self._shop = shop
        self._platforms = platforms
        self._seed = seed
        self._trade: Trade = trade(orders, seed, span_s)
        self.happened: Counter[str] = Counter()
        """what happened, by the name of the change"""
        self.before = sum(change["do"] == "create_customer" for change in self._trade.setup)
        """customers that the shop had already"""
        self.known = 0
        """of those, in QuickBooks already"""

    async def open(self) -> None:
        """What was there before the hub: products, customers, and some of them in QuickBooks."""
        await self._shop.seed({"changes": list(self._trade.setup)})
        quickbooks = next(desk for desk in self._platforms if desk.name == "quickbooks")
        known = known_in_quickbooks(self._trade.setup, self._seed)
        self.known = len(known)
        if known:
            await quickbooks.seed({"Customer": known})

    async def play(self, look: Look, halfway: Callable[[], Awaitable[None]]) -> None:
        """Returns when everything has happened. `halfway` runs beside the trade, which does not wait for it. `look` is
        called all the time, and may raise; while the hub does not keep up, the shop's clock stands still."""
        loop = asyncio.get_running_loop()
        steps, done, act = self._trade.steps, 0, -1
        at, elapsed_s = loop.time(), 0.0
        aside: asyncio.Task[None] | None = None
        try:
            while done < len(steps):
                due = _due(steps, done, elapsed_s)
                if due:
                    await self._shop.happen([step.change for step in due])
                    self.happened.update(str(step.change["do"]) for step in due)
                    done += len(due)
                keeps_up = await look(done, len(steps))
                if (now := done * len(KINDS) // len(steps)) > act and done < len(steps):
                    act = now
                    await asyncio.gather(*(self._go_wrong(desk, act) for desk in self._platforms))
                if aside is None and done * 2 >= len(steps):
                    aside = asyncio.ensure_future(halfway())
                if aside is not None and aside.done():
                    await aside
                await asyncio.sleep(TICK_S)
                before, at = at, loop.time()
                elapsed_s += at - before if keeps_up else 0.0
            if aside is not None:
                await aside
        finally:
            if aside is not None:
                aside.cancel()
                await asyncio.gather(aside, return_exceptions=True)

    async def _go_wrong(self, desk: Desk, act: int) -> None:
        seen = (await desk.stats())["faults"]
        await desk.go_wrong(script(self._seed, act, seen))


def _due(steps: Sequence[Step], done: int, elapsed_s: float) -> list[Step]:
    end = done
    while end < len(steps) and steps[end].at_s <= elapsed_s:
        end += 1
    return list(steps[done:end])


def known_in_quickbooks(setup: Sequence[Mapping[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Customers as somebody once typed them: the same address, the name not always spelt as in the shop."""
    rng = random.Random(f"known:{seed}")  # noqa: S311 - a story, not a secret
    found, names = [], set()
    for change in setup:
        if change["do"] != "create_customer" or not change.get("email") or rng.random() >= KNOWN_IN_QUICKBOOKS:
            continue
        name = " ".join(f"{change['first_name']} {change['last_name']}".replace(":", " ").split())[:LONGEST_NAME]
        if rng.random() < 0.5:
            name = f"{name} - {change['ref']}"
        if name.lower() in names:
            continue
        names.add(name.lower())
        found.append({"DisplayName": name, "PrimaryEmailAddr": {"Address": change["email"]}})
    return found
