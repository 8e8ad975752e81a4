"""What has killed the hub three times is set aside, with all that is known of it; nothing beside it is.

One that was at work in a batch is accused together with its companions, and from then on each of them goes alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from crossdock.core.delivery import ExchangeState
from crossdock.core.states import DELIVERY_TRANSITIONS, DeliveryState, MessageState
from crossdock.core.work import CellWrite, Count, DeliveryMove, ExchangeMove, MessageMove, Work
from crossdock.engine.at_work import Named
from crossdock.engine.context import Context

DEATHS = 3
ACCUSED = "accused/"
WHY = f"the hub died {DEATHS} times while it was at work on this"

log = structlog.get_logger("crossdock.hub")


async def set_aside_deadly(context: Context, found: Sequence[Named]) -> None:
    """Before anything is begun. What was accused and is done since is cleared."""
    await _clear(context)
    for named in found:
        for identity in named.ids:
            await _accuse(context, named.kind, identity, alone=len(named.ids) == 1)
    prefix = f"{ACCUSED}delivery/"
    context.suspects = frozenset(name.removeprefix(prefix) for name in await context.store.cells(prefix))


async def _accuse(context: Context, kind: str, identity: str, *, alone: bool) -> None:
    name = f"{ACCUSED}{kind}/{identity}"
    cell = await context.store.cell(name)
    deaths = 1 + (int(cell.value) if cell is not None else 0)
    aside = await _set_aside(context, kind, identity) if alone and deaths >= DEATHS else Work("")
    await context.store.apply(
        Work(
            context.work_id(),
            cells=(CellWrite(name, str(deaths).encode()),),
            message_moves=aside.message_moves,
            delivery_moves=aside.delivery_moves,
            exchange_moves=aside.exchange_moves,
            counts=aside.counts,
        )
    )
    told = "set aside" if aside.message_moves or aside.delivery_moves else "the hub died while it was at work on this"
    log.warning(told, kind=kind, id=identity, deaths=deaths)


async def _set_aside(context: Context, kind: str, identity: str) -> Work:
    """A message into quarantine, a delivery into a person's hands; nothing where it has gone on since."""
    if kind == "message":
        messages = [one for one in await context.store.messages([identity]) if one.state is MessageState.RECEIVED]
        return Work(
            "",
            message_moves=tuple(MessageMove(one.id, one.state, MessageState.QUARANTINED, WHY) for one in messages),
            counts=tuple(Count(f"connection/{one.connection}", MessageState.QUARANTINED, 1) for one in messages),
        )
    rows = [
        row
        for row in await context.store.deliveries([identity])
        if DeliveryState.HELD in DELIVERY_TRANSITIONS[row.state]
    ]
    journal = await context.store.exchanges([row.batch or row.id for row in rows])
    return Work(
        "",
        delivery_moves=tuple(DeliveryMove(row.id, row.state, DeliveryState.HELD, reason=WHY) for row in rows),
        exchange_moves=tuple(
            ExchangeMove(one.id, one.state, ExchangeState.UNKNOWN, why=WHY, ended_at=context.clock.now())
            for one in journal
            if one.state is ExchangeState.INTENT
        ),
    )


async def _clear(context: Context) -> None:
    store = context.store
    over: list[str] = []
    for name in await store.cells(ACCUSED):
        kind, _, identity = name.removeprefix(ACCUSED).partition("/")
        if kind == "message":
            open_now = any(one.state is MessageState.RECEIVED for one in await store.messages([identity]))
        else:
            rows = await store.deliveries([identity])
            open_now = any(DeliveryState.HELD in DELIVERY_TRANSITIONS[row.state] for row in rows)
        if not open_now:
            over.append(name)
    if over:
        await store.apply(Work(context.work_id(), cells=tuple(CellWrite(name, None) for name in over)))
