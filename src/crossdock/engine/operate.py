"""What a person may do with what the hub cannot decide: retry, adopt, resend, discard, rewind, perform again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from crossdock.core import crash, json
from crossdock.core.delivery import Delivery, ExchangeState
from crossdock.core.effects import delivery_id
from crossdock.core.errors import UsageError
from crossdock.core.event import STREAM
from crossdock.core.flow import Flow
from crossdock.core.ids import PARTITIONS
from crossdock.core.lanes import Lane, lanes_of
from crossdock.core.message import Message
from crossdock.core.states import DeliveryState, MessageState, WaitingFor
from crossdock.core.store import Store
from crossdock.core.work import (
    CellWrite,
    Committed,
    Count,
    DeliveryMove,
    ExchangeMove,
    MessageMove,
    NotCommitted,
    Position,
    Release,
    Work,
)
from crossdock.core.xref import LinkState
from crossdock.engine.adopt import Adoption
from crossdock.engine.context import Context
from crossdock.engine.item import releases


class Operator:
    """Acts on the store. `who` is written beside every act. Raises UsageError when an act does not fit the state."""

    def __init__(self, context: Context, who: str) -> None:
        self._context = context
        self._who = who

    async def delivery(self, delivery_id: str) -> Delivery:
        rows = await self._context.store.deliveries([delivery_id])
        if not rows:
            raise UsageError(
                f"no delivery {delivery_id}", hint="list them: crossdock dead-letters list, crossdock holds list"
            )
        return rows[0]

    async def retry(self, row: Delivery) -> None:
        """A dead or held delivery goes again: same effects, new bytes. What is known to have happened is not repeated;
        a held one whose outcome is unknown needs a decision instead."""
        self._must_be(row, DeliveryState.DEAD, DeliveryState.HELD)
        self._flow(row)
        if row.state is DeliveryState.HELD and await self._unknown(row):
            raise UsageError(
                f"delivery {row.id} may have happened",
                hint="decide: crossdock holds adopt ID REMOTE_ID | resend ID | discard ID",
            )
        move = self._back(row, f"retried by {self._who}", revision=row.revision + 1, outbound=b"")
        await self._apply(Work(self._context.work_id(), delivery_moves=(move,)))

    async def resend(self, row: Delivery) -> None:
        """A held delivery is sent again, although it may have happened: the same bytes, the same key."""
        self._must_be(row, DeliveryState.HELD)
        self._flow(row)
        moves = tuple(
            ExchangeMove(exchange.id, exchange.state, ExchangeState.NOT_DONE, why=f"to be resent, says {self._who}")
            for exchange in await self._context.store.exchanges([row.id])
            if exchange.state is ExchangeState.UNKNOWN
        )
        move = self._back(row, f"resent by {self._who}")
        await self._apply(Work(self._context.work_id(), delivery_moves=(move,), exchange_moves=moves))

    async def adopt(
        self, row: Delivery, remote_id: str, *, item: str = "", shared: bool = False
    ) -> tuple[str, str, str] | None:
        """A held delivery has happened: this is its record; of several items, the record of `item`. `shared`: it is
        another entity's record too, and stays that one's. Returns what is linked now (account, model, key), if any."""
        self._must_be(row, DeliveryState.HELD)
        flow = self._flow(row)
        adoption = Adoption(self._context, flow, row)
        links = await adoption.links(remote_id, item, shared=shared)
        moves = adoption.moves(f"adopted as {remote_id} by {self._who}")
        await self._apply(Work(self._context.work_id(), delivery_moves=moves, cross_references=links))
        return next(((one.reference.account, one.reference.model, one.reference.key) for one in links), None)

    async def discard(self, row: Delivery) -> None:
        self._must_be(row, DeliveryState.DEAD, DeliveryState.HELD)
        move = DeliveryMove(
            row.id,
            row.state,
            DeliveryState.DISCARDED,
            reason=f"discarded by {self._who}: {row.reason}",
            settled_at=self._context.clock.now(),
        )
        claims = await self._claims(row)
        await self._apply(Work(self._context.work_id(), delivery_moves=(move,), cross_references=tuple(claims)))

    async def perform_again(self, row: Delivery) -> Delivery:
        """On purpose, once more: a new generation, with effects of its own."""
        if row.state is not DeliveryState.DELIVERED:
            raise UsageError(f"delivery {row.id} is {row.state}: only what was delivered is performed again")
        if not await self._context.store.events([row.event_id]):
            raise UsageError(f"the event of delivery {row.id} is older than the project keeps events")
        self._flow(row)
        again = replace(
            row,
            id=delivery_id(row.flow, row.event_id, row.generation + 1),
            generation=row.generation + 1,
            state=DeliveryState.WAITING,
            waiting_for=WaitingFor.KEY,
            reason=f"performed again by {self._who}",
            attempts=0,
            revision=0,
            batch="",
            outbound=b"",
            due_at=0.0,
            planned_at=self._context.clock.now(),
            settled_at=0.0,
        )
        if await self._context.store.deliveries([again.id]):
            raise UsageError(
                f"delivery {row.id} was performed again already, as {again.id}",
                hint=f"crossdock perform-again {again.id}",
            )
        count = Count(f"flow/{row.flow}", "again", 1)
        await self._apply(Work(self._context.work_id(), deliveries=(again,), counts=(count,)))
        crash.at("replay.generation")
        return again

    async def rewind(self, flow: str) -> Mapping[Lane, int]:
        """Sets the flow's position back to the oldest event that is kept; returns the new positions. Effects that are
        settled stay settled. How far it had come is kept, so that it knows again what it has planned already."""
        store = self._context.store
        lanes = lanes_of(f"flow/{flow}", STREAM)
        stands = await store.positions(f"flow/{flow}", STREAM)
        known = await planned_before(store, flow)
        start = {lane: await self._start_of(lane, stands[lane.partition]) for lane in lanes}
        work = Work(
            self._context.work_id(),
            positions=tuple(Position(lane, number, back=True) for lane, number in start.items()),
            cells=(CellWrite(_cell(flow), json.encode([max(pair) for pair in zip(stands, known, strict=True)])),),
            counts=(Count(f"flow/{flow}", "rewound", sum(stands) - sum(start.values())),),
        )
        await self._apply(work)
        return start

    async def _start_of(self, lane: Lane, stands: int) -> int:
        """Before the oldest event of the lane that retention has left; where it stands, when there is none."""
        oldest = await self._context.store.read({lane: 0}, 1)
        return min(oldest[0].number - 1, stands) if oldest else stands

    async def discard_message(self, message: Message) -> None:
        if message.state is not MessageState.QUARANTINED:
            raise UsageError(f"message {message.id} is {message.state}, not quarantined")
        move = MessageMove(message.id, message.state, MessageState.DISCARDED, f"discarded by {self._who}")
        count = Count(f"connection/{message.connection}", "discarded", 1)
        await self._apply(Work(self._context.work_id(), message_moves=(move,), counts=(count,)))

    # ------------------------------------------------------------------------------------------------------------

    async def _claims(self, row: Delivery) -> Sequence[Release]:
        """What the delivery holds, to be given back, wherever that is: its flow may be gone from the project."""
        seeds = {one.key: one.effect_id for one in releases("", "", row)}
        found = await self._context.store.cross_references(keys=sorted(seeds))
        return [
            Release(one.account, one.model, one.key, one.effect_id)
            for one in found
            if one.state is LinkState.CLAIMED and one.effect_id == seeds[one.key]
        ]

    async def _unknown(self, row: Delivery) -> bool:
        journal = await self._context.store.exchanges([row.id])
        return any(exchange.state is ExchangeState.UNKNOWN for exchange in journal)

    def _back(
        self, row: Delivery, reason: str, *, revision: int | None = None, outbound: bytes | None = None
    ) -> DeliveryMove:
        return DeliveryMove(
            row.id,
            row.state,
            DeliveryState.WAITING,
            waiting_for=WaitingFor.KEY,
            reason=reason,
            attempts=0,
            revision=revision,
            outbound=outbound,
        )

    def _flow(self, row: Delivery) -> Flow:
        flow = self._context.landscape.flows.get(row.flow)
        if flow is None:
            raise UsageError(f"the project has no flow {row.flow!r} any more", hint="discard the delivery instead")
        return flow

    def _must_be(self, row: Delivery, *states: DeliveryState) -> None:
        if row.state not in states:
            wanted = " or ".join(states)
            raise UsageError(f"delivery {row.id} is {row.state}; this needs one that is {wanted}")

    async def _apply(self, work: Work) -> None:
        result = await self._context.store.apply(work)
        if not isinstance(result, Committed):
            raise UsageError(f"it has changed meanwhile: {_told(result)}", hint="look again, then decide")


async def planned_before(store: Store, flow: str) -> Sequence[int]:
    """Up to where each partition had been planned before the flow was last rewound; 0 = it never was."""
    cell = await store.cell(_cell(flow))
    return [int(number) for number in json.decode(cell.value)] if cell is not None else [0] * PARTITIONS


def _told(refusal: NotCommitted) -> str:
    match refusal.guard:
        case DeliveryMove() as move:
            return f"delivery {move.id} is {refusal.found}"
        case MessageMove() as move:
            return f"message {move.id} is {refusal.found}"
        case ExchangeMove():
            return f"one of its requests is {refusal.found}"
    return refusal.found


def _cell(flow: str) -> str:
    return f"rewound/{flow}"
