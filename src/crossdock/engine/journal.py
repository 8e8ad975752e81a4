"""What has been asked and answered already: an action is driven again over this after a crash, a wait or a retry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crossdock.core import json
from crossdock.core.delivery import Delivery, Exchange, ExchangeState
from crossdock.core.effects import EffectClass
from crossdock.core.store import Store

LOOK_UP = "look-up"
"""How the steps of the hub's own look-ups begin."""
AFTERWARDS = f"{LOOK_UP} afterwards"
"""Of those that look whether it is there twice."""


class Journal:
    """The exchanges of one delivery. An effect that happened has happened, whatever the revision; reads and refused
    requests of an earlier revision are void. An upsert is sent anew with a new revision: it may say something newer."""

    def __init__(self, exchanges: Sequence[Exchange] = (), revision: int = 0) -> None:
        self._by_step: dict[str, Exchange] = {}
        for exchange in exchanges:
            if exchange.revision == revision or _happened_once(exchange):
                self._by_step[exchange.step] = exchange

    def of(self, step: str) -> Exchange | None:
        return self._by_step.get(step)

    def put(self, exchange: Exchange) -> None:
        self._by_step[exchange.step] = exchange

    @property
    def made_something(self) -> bool:
        """Whether an effect of this delivery is known to have happened."""
        return any(_happened(exchange) for exchange in self._by_step.values())

    @property
    def may_be_twice(self) -> bool:
        """It was looked for, not found, and sent again; and nobody has looked since."""
        looked = [exchange for step, exchange in self._by_step.items() if step.startswith(LOOK_UP)]
        missed = any(not json.decode(exchange.answer)["found"] for exchange in looked)
        return missed and not any(exchange.step.startswith(AFTERWARDS) for exchange in looked)

    @property
    def happened_at(self) -> float:
        """When the last of its effects did; 0 = none has."""
        return max((one.ended_at or one.first_sent_at for one in self._by_step.values() if _happened(one)), default=0.0)


def _happened(exchange: Exchange) -> bool:
    return exchange.state is ExchangeState.OK and exchange.effect is not None


def _happened_once(exchange: Exchange) -> bool:
    return exchange.state is ExchangeState.OK and exchange.effect not in {None, EffectClass.UPSERT}


async def journals_of(store: Store, deliveries: Sequence[Delivery]) -> Mapping[str, Sequence[Exchange]]:
    """By delivery. A batch's journal belongs to each of its deliveries; what one did alone before it was batched is its
    own."""
    batches = list(dict.fromkeys(name for row in deliveries for name in (row.id, row.batch) if name))
    journal = await store.exchanges(batches)
    return {row.id: [exchange for exchange in journal if exchange.batch in {row.id, row.batch}] for row in deliveries}
