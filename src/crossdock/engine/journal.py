"""What has been asked and answered already: an action is driven again over this after a crash, a wait or a retry."""

from __future__ import annotations

from collections.abc import Sequence

from crossdock.core.delivery import Exchange, ExchangeState
from crossdock.core.effects import EffectClass


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
        return any(
            exchange.state is ExchangeState.OK and exchange.effect is not None for exchange in self._by_step.values()
        )


def _happened_once(exchange: Exchange) -> bool:
    return exchange.state is ExchangeState.OK and exchange.effect not in {None, EffectClass.UPSERT}
