"""The one write: what an atomic commit applies, and the guards under which it holds. Nothing else is writable."""

from __future__ import annotations

from msgspec import Struct, field

from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange, ExchangeState
from crossdock.core.event import Event
from crossdock.core.lanes import Lane
from crossdock.core.message import Arrival, Message
from crossdock.core.states import DeliveryState, MessageState, WaitingFor
from crossdock.core.wire import PayloadRef
from crossdock.core.xref import CrossReference

# --- guards -----------------------------------------------------------------------------------------------------


class LaneFence(Struct, frozen=True, gc=False):
    """The lane is still held under this fence; with `position`, its reader still stands there."""

    lane: Lane
    fence: int
    position: int | None = None


class CrossReferenceAbsent(Struct, frozen=True, gc=False):
    account: str
    model: str
    key: str


class CellVersion(Struct, frozen=True, gc=False):
    """The cell has this version; 0 = it does not exist."""

    name: str
    version: int


Guard = LaneFence | CrossReferenceAbsent | CellVersion

# --- changes ----------------------------------------------------------------------------------------------------


class Payload(Struct, frozen=True, gc=False):
    ref: PayloadRef
    data: bytes


class MessageMove(Struct, frozen=True, gc=False):
    id: str
    before: MessageState
    after: MessageState
    reason: str = ""
    record: PayloadRef | None = None
    """the hydrated record, kept beside its message so that doing it again uses it"""


class DeliveryMove(Struct, frozen=True, gc=False):
    """A transition. Fields left None keep their value. The Work is refused if the delivery is not in `before`."""

    id: str
    before: DeliveryState
    after: DeliveryState
    waiting_for: WaitingFor | None = None
    """set (also to None) with every move"""
    reason: str = ""
    """set with every move"""
    due_at: float = 0.0
    """set with every move"""
    attempts: int | None = None
    revision: int | None = None
    batch: str | None = None
    outbound: bytes | None = None
    settled_at: float | None = None


class ExchangeMove(Struct, frozen=True, gc=False):
    """An exchange's outcome, or its return to `intent` for one more attempt."""

    id: str
    before: ExchangeState
    after: ExchangeState
    answer: bytes | None = None
    why: str = ""
    ended_at: float = 0.0
    attempts: int | None = None


class Claim(Struct, frozen=True, gc=False):
    """Insert a claimed cross-reference, or take over the fingerprint of a linked one at intent."""

    reference: CrossReference


class Link(Struct, frozen=True, gc=False):
    """Write the cross-reference (linked, or moved), whatever was there under the same (account, model, key).

    A Link whose remote id already belongs to another key refuses the Work: two entities, one record."""

    reference: CrossReference


class Release(Struct, frozen=True, gc=False):
    """Drop a claim whose effect will not happen. A linked cross-reference is never dropped."""

    account: str
    model: str
    key: str
    effect_id: str


CrossReferenceChange = Claim | Link | Release


class Entity(Struct, frozen=True, gc=False):
    """The newest version of an entity that the events stream holds."""

    account: str
    model: str
    key: str
    version: str
    event_id: str


class Position(Struct, frozen=True, gc=False):
    """The lane has been read up to and including `number`. Moves only forward, except by rewind (`back`)."""

    lane: Lane
    number: int
    back: bool = False


class CellWrite(Struct, frozen=True, gc=False):
    """A small versioned value: poll cursor, token, breaker, budget. The store raises the version by one."""

    name: str
    value: bytes | None
    """None removes it"""


class Count(Struct, frozen=True, gc=False):
    """Counts travel in the Work, so that retention can remove rows and the sums still agree."""

    scope: str
    """`connection/<name>` | `flow/<name>`"""
    name: str
    amount: int


class Work(Struct, frozen=True, gc=False):
    """One atomic commit. Appends (arrivals, messages, events, deliveries, exchanges, effects, payloads) are
    idempotent by id: a row that is there already stays as it is and is reported in `Committed.repeated`. Of messages
    that are all there already, what they came in is left out, too: a repeat adds nothing."""

    id: str
    guards: tuple[Guard, ...] = ()
    payloads: tuple[Payload, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    messages: tuple[Message, ...] = ()
    message_moves: tuple[MessageMove, ...] = ()
    events: tuple[Event, ...] = ()
    entities: tuple[Entity, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    delivery_moves: tuple[DeliveryMove, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    exchange_moves: tuple[ExchangeMove, ...] = ()
    effects: tuple[Effect, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    cross_references: tuple[CrossReferenceChange, ...] = ()
    positions: tuple[Position, ...] = ()
    cells: tuple[CellWrite, ...] = ()
    counts: tuple[Count, ...] = ()


class Committed(Struct, frozen=True, gc=False):
    """Durable. `repeated` holds the ids of appended rows that were there already (messages, events, deliveries);
    `conflicts` those of messages whose content differs from what was there: the first one is kept."""

    repeated: frozenset[str] = frozenset()
    conflicts: frozenset[str] = frozenset()
    numbers: dict[str, int] = field(default_factory=dict)
    """message or event id → its number, for rows appended by this Work"""


class NotCommitted(Struct, frozen=True, gc=False):
    """A guard or a transition did not hold: nothing of the Work was applied."""

    guard: Guard | DeliveryMove | ExchangeMove | MessageMove | Link
    found: str = ""
    """what was there instead, for a person"""
