"""What the last holder of a partition left open. An open intent is unknown, never a retry."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

from crossdock.core.delivery import Delivery, Exchange, ExchangeState
from crossdock.core.effects import EffectClass
from crossdock.core.errors import StoreError
from crossdock.core.flow import Flow
from crossdock.core.states import DeliveryState, WaitingFor
from crossdock.core.transport import STRAY_S
from crossdock.core.work import Committed, DeliveryMove, ExchangeMove, LaneFence, Work
from crossdock.engine.context import Context

PAGE = 500
LEAVING_S = 2.0
"""of a stop, for what it cuts off"""
KILLED = "the hub stopped while this was under way"
LOST = "another worker was lost while this was under way"
CUT_OFF = "the hub was stopped before there was an answer"
_LATE_IS_A_REPEAT = frozenset({EffectClass.NATIVE_KEY, EffectClass.INBOX})
"""Where a request that comes when all is over changes nothing."""


async def recover(context: Context, flow: Flow, fences: Mapping[int, LaneFence]) -> int:
    """Every delivery of these partitions that was `sending` is `resolving` now, or waits for its turn again when
    nothing was on its way. Returns how many there were. What this worker sent in an earlier life has ended with that
    life. Another worker may be alive: what it began before its time was over is waited for, where it would do harm to
    come late."""

    def read(under_way: Sequence[Exchange]) -> tuple[str, float]:
        theirs = any(one.why != context.worker for one in under_way)
        return (LOST, _longest_s(flow, under_way)) if theirs else (KILLED, 0.0)

    return await _reopen(context, flow, fences, read)


async def leave(context: Context, flow: Flow, fences: Mapping[int, LaneFence], grace_s: float) -> None:
    """What a hub that stops cuts off in these partitions, after so long: so that whoever comes next does not look too
    soon. What cannot be written now is left as by a crash."""

    def read(under_way: Sequence[Exchange]) -> tuple[str, float]:
        return CUT_OFF, max(_longest_s(flow, under_way) - grace_s, 0.0)

    with contextlib.suppress(StoreError, TimeoutError):
        async with asyncio.timeout(LEAVING_S):
            await _reopen(context, flow, fences, read)


Read = Callable[[Sequence[Exchange]], tuple[str, float]]
"""What was under way → (why it is unknown, how long it may be under way still)."""


async def _reopen(context: Context, flow: Flow, fences: Mapping[int, LaneFence], read: Read) -> int:
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
            work = _reopened(context.work_id(), row, journal, read, context.clock.now(), fences[row.partition])
            result = await context.store.apply(work)
            if not isinstance(result, Committed) and isinstance(result.guard, LaneFence):
                partitions.discard(row.partition)  # lost meanwhile: its next holder does it
            total += isinstance(result, Committed)
    return total


def _longest_s(flow: Flow, under_way: Sequence[Exchange]) -> float:
    """How long one of these may be under way, as far as that matters."""
    matters = any(one.effect not in _LATE_IS_A_REPEAT for one in under_way)
    return flow.deadline_s + STRAY_S if matters else 0.0


def _reopened(
    work_id: str, row: Delivery, journal: Sequence[Exchange], read: Read, now: float, fence: LaneFence
) -> Work:
    """A batch is composed anew: its action is an upsert, which a repeat does not harm. The first of its deliveries ends
    its request, and the others find that."""
    under_way = [exchange for exchange in journal if exchange.state is ExchangeState.INTENT]
    why, wait_s = read(under_way)
    moves = tuple(
        ExchangeMove(exchange.id, exchange.state, ExchangeState.UNKNOWN, why=why, ended_at=now + wait_s)
        for exchange in under_way
    )
    if row.batch:
        ended = [exchange.ended_at for exchange in journal if exchange.state is ExchangeState.UNKNOWN]
        due_at = max([now + wait_s, *ended])
        move = DeliveryMove(row.id, row.state, DeliveryState.RETRYING, reason=why, due_at=due_at, batch="")
    elif under_way:
        move = DeliveryMove(row.id, row.state, DeliveryState.RESOLVING, reason=why, due_at=now + wait_s)
    else:
        move = DeliveryMove(row.id, row.state, DeliveryState.WAITING, waiting_for=WaitingFor.KEY, reason=why)
    return Work(work_id, guards=(fence,), delivery_moves=(move,), exchange_moves=moves)
