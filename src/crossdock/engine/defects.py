"""A defect that nobody foresaw, met at one delivery: that one is held for a person, and the hub goes on."""

from __future__ import annotations

from crossdock.core.delivery import ExchangeState
from crossdock.core.states import OPEN, DeliveryState
from crossdock.core.work import DeliveryMove, ExchangeMove, Work
from crossdock.engine.context import Context
from crossdock.engine.item import Item


async def hold_for_defect(context: Context, item: Item, reason: str) -> None:
    """Whatever was under way may have happened: its exchange is unknown. Afterwards the item's `delivery` is what the
    store holds. Raises StoreError."""
    store = context.store
    (row,) = await store.deliveries([item.delivery.id]) or [item.delivery]
    if row.state in OPEN:
        journal = await store.exchanges([row.batch or row.id])
        moves = tuple(
            ExchangeMove(exchange.id, exchange.state, ExchangeState.UNKNOWN, why=reason, ended_at=context.clock.now())
            for exchange in journal
            if exchange.state is ExchangeState.INTENT
        )
        move = DeliveryMove(row.id, row.state, DeliveryState.HELD, reason=reason)
        await store.apply(Work(context.work_id(), guards=(item.fence,), delivery_moves=(move,), exchange_moves=moves))
        (row,) = await store.deliveries([row.id]) or [row]
    item.delivery = row
