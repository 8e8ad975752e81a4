"""What the last holder of a partition left open. An open intent is unknown, never a retry."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from crossdock.core.delivery import Delivery, Exchange, ExchangeState
from crossdock.core.effects import EffectClass
from crossdock.core.flow import Flow
from crossdock.core.states import DeliveryState, WaitingFor
from crossdock.core.transport import STRAY_S
from crossdock.core.work import Committed, DeliveryMove, ExchangeMove, LaneFence, Work
from crossdock.engine.context import Context

PAGE = 500
WHY = "the hub stopped while this was under way"
OVERTAKEN = "another worker was cut off while this was under way"
_LATE_IS_A_REPEAT = frozenset({EffectClass.NATIVE_KEY, EffectClass.INBOX})
"""Where a request that comes when all is over changes nothing."""


async def recover(context: Context, flow: Flow, fences: Mapping[int, LaneFence], overtaken: Collection[int]) -> int:
    """Every delivery of these partitions that was `sending` is `resolving` now, or waits for its turn again when
    nothing was on its way. Returns how many there were. In those that were `overtaken` the last holder may be alive:
    what it began before its time was over is waited for, where it would do harm to come late."""
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
            now = context.clock.now()
            ended_at = now + _under_way_s(flow) if row.partition in overtaken else now
            why = OVERTAKEN if row.partition in overtaken else WHY
            work = _reopened(context.work_id(), row, journal, why, ended_at, fences[row.partition])
            if not isinstance(await context.store.apply(work), Committed):
                partitions.discard(row.partition)  # lost meanwhile: its next holder does it
        total += len(rows)
    return total


def _under_way_s(flow: Flow) -> float:
    """How long a request of a worker whose time is over may still be."""
    return 0.0 if flow.action.effects[:1] and flow.action.effects[0] in _LATE_IS_A_REPEAT else flow.deadline_s + STRAY_S


def _reopened(
    work_id: str, row: Delivery, journal: Sequence[Exchange], why: str, ended_at: float, fence: LaneFence
) -> Work:
    """A batch is composed anew: its action is an upsert, which a repeat does not harm. `ended_at`: when the last of its
    requests has ended."""
    open_exchanges = [exchange for exchange in journal if exchange.state is ExchangeState.INTENT]
    moves = tuple(
        ExchangeMove(exchange.id, exchange.state, ExchangeState.UNKNOWN, why=why, ended_at=ended_at)
        for exchange in open_exchanges
    )
    if row.batch:
        move = DeliveryMove(row.id, row.state, DeliveryState.RETRYING, reason=why, due_at=ended_at, batch="")
    elif open_exchanges:
        move = DeliveryMove(row.id, row.state, DeliveryState.RESOLVING, reason=why, due_at=ended_at)
    else:
        move = DeliveryMove(row.id, row.state, DeliveryState.WAITING, waiting_for=WaitingFor.KEY, reason=why)
    return Work(work_id, guards=(fence,), delivery_moves=(move,), exchange_moves=moves)
