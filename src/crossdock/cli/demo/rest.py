"""When the hub is at rest: everything that was sent has come in, is read, and has gone out or waits for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from crossdock.cli.demo.desk import Desk
from crossdock.cli.place import Place
from crossdock.core.states import OPEN, DeliveryState, MessageState
from crossdock.engine.observe import lag_of

LOOK_S: Final = 0.5
STILL: Final = 3
"""looks in a row that must find nothing under way"""

MOST_LEFT: Final = 1_000
"""What a hub that keeps up never has before it, also while it is started again after a crash."""

FOR_A_PERSON: Final = frozenset({DeliveryState.HELD, DeliveryState.DEAD})


@dataclass(frozen=True, slots=True)
class Standing:
    on_the_way: int
    """webhooks that are not acknowledged yet"""
    unread: int
    """messages not yet understood, events not yet planned"""
    open: int
    """deliveries that the hub will move by itself"""
    for_a_person: int
    """held and dead deliveries, quarantined messages"""
    tallies: Mapping[tuple[str, str, str], int]

    @property
    def left(self) -> int:
        return self.on_the_way + self.unread + self.open


async def standing(place: Place, shop: Desk) -> Standing:
    stats = await shop.stats()
    async with place.reading() as store:
        tallies = await store.tallies()
        lag = sum([await lag_of(store, flow) for flow in place.flows])

    def total(kind: str, states: frozenset[MessageState] | frozenset[DeliveryState]) -> int:
        return sum(amount for (of, _, state), amount in tallies.items() if of == kind and state in states)

    return Standing(
        on_the_way=stats["webhooks"]["pending"],
        unread=lag + total("message", frozenset({MessageState.RECEIVED})),
        open=total("delivery", OPEN),
        for_a_person=total("delivery", FOR_A_PERSON) + total("message", frozenset({MessageState.QUARANTINED})),
        tallies=tallies,
    )


async def at_rest(place: Place, shop: Desk, within_s: float, look: Callable[[Standing], Awaitable[None]]) -> Standing:
    """Waits for rest; after `within_s` it is what it is. `look` sees every look, and may raise."""
    deadline, still = asyncio.get_running_loop().time() + within_s, 0
    while True:
        now = await standing(place, shop)
        await look(now)
        still = 0 if now.left else still + 1
        if still >= STILL or asyncio.get_running_loop().time() > deadline:
            return now
        await asyncio.sleep(LOOK_S)


class Backlog:
    """Whether the hub keeps up. A machine that is busy with other things cannot be sent orders at any pace: in the end
    invoices would come later than their payments wait for them."""

    def __init__(self, place: Place, shop: Desk) -> None:
        self._place = place
        self._shop = shop
        self._looked_at = -inf
        self._left = 0

    async def is_short(self) -> bool:
        """As of the last LOOK_S."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at >= LOOK_S:
            self._left = (await standing(self._place, self._shop)).left
            self._looked_at = now
        return self._left < MOST_LEFT
