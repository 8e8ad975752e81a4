"""A Work in the making: what several decisions want to write, gathered into one commit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange
from crossdock.core.work import (
    CellWrite,
    Count,
    CrossReferenceChange,
    DeliveryMove,
    ExchangeMove,
    Guard,
    LaneFence,
    Work,
)


@dataclass(slots=True)
class Draft:
    guards: list[Guard] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    delivery_moves: list[DeliveryMove] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    exchange_moves: list[ExchangeMove] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    cross_references: list[CrossReferenceChange] = field(default_factory=list)
    cells: list[CellWrite] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)

    def work(self, work_id: str, fences: Iterable[LaneFence]) -> Work:
        """The Work, once."""
        return Work(
            id=work_id,
            guards=(*fences, *self.guards),
            deliveries=tuple(self.deliveries),
            delivery_moves=tuple(self.delivery_moves),
            exchanges=tuple(self.exchanges),
            exchange_moves=tuple(self.exchange_moves),
            effects=tuple(self.effects),
            attempts=tuple(self.attempts),
            cross_references=tuple(self.cross_references),
            cells=tuple(self.cells),
            counts=tuple(self.counts),
        )

    def __bool__(self) -> bool:
        return self.decides or bool(self.exchanges)

    @property
    def decides(self) -> bool:
        """It holds more than answers to reads."""
        return bool(
            self.delivery_moves or self.exchange_moves or self.deliveries or self.cross_references or self.counts
        )
