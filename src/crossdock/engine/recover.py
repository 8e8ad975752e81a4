"""What the last holder of a partition left open. An open intent is unknown, never a retry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crossdock.core.delivery import Delivery, Exchange, ExchangeState
from crossdock.core.flow import Flow
from crossdock.core.states import DeliveryState, WaitingFor
from crossdock.core.work import Committed, DeliveryMove, ExchangeMove, LaneFence, Work
from crossdock.engine.context import Context

PAGE = 500
WHY = "the hub stopped while this was under way"


async def recover(context: Context, flow: Flow, fences: Mapping[int, LaneFence]) -> int:
    """Every delivery of these partitions that was `sending` is `resolving` now, or waits for its turn again when
    nothing was on its way. Returns how many there were."""
    total = 0
    partitions = set(fences)
    while partitions:
        rows = await context.store.deliveries(
            flow=flow.name, states=[DeliveryState.SENDING], partitions=partitions, limit=PAGE
        )
        if not rows:
            break
        for row in rows:
            journal = await context.store.exchanges([row.batch or row.id])
            work = _reopened(context.work_id(), row, journal, context.clock.now(), fences[row.partition])
            if not isinstance(await context.store.apply(work), Committed):
                partitions.discard(row.partition)  # lost meanwhile: its next holder does it
        total += len(rows)
    return total


def _reopened(work_id: str, row: Delivery, journal: Sequence[Exchange], now: float, fence: LaneFence) -> Work:
    """A batch is composed anew: its action is an upsert, which a repeat does not harm."""
    open_exchanges = [exchange for exchange in journal if exchange.state is ExchangeState.INTENT]
    moves = tuple(
        ExchangeMove(exchange.id, exchange.state, ExchangeState.UNKNOWN, why=WHY, ended_at=now)
        for exchange in open_exchanges
    )
    if row.batch:
        move = DeliveryMove(row.id, row.state, DeliveryState.RETRYING, reason=WHY, due_at=now, batch="")
    elif open_exchanges:
        move = DeliveryMove(row.id, row.state, DeliveryState.RESOLVING, reason=WHY, due_at=now)
    else:
        move = DeliveryMove(row.id, row.state, DeliveryState.WAITING, waiting_for=WaitingFor.KEY, reason=WHY)
    return Work(work_id, guards=(fence,), delivery_moves=(move,), exchange_moves=moves)
