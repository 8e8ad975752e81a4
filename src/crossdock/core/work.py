"""The one write: what an atomic commit applies, and the guards under which it holds. Nothing else is writable."""

from __future__ import annotations

from dataclasses import dataclass, field

from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange, ExchangeState
from crossdock.core.event import Event
from crossdock.core.lanes import Lane
from crossdock.core.message import Arrival, Message
from crossdock.core.states import DeliveryState, MessageState, WaitingFor
from crossdock.core.wire import PayloadRef
from crossdock.core.xref import CrossReference

# --- guards -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LaneFence:
    """The lane is still held under this fence."""

    lane: Lane
    fence: int


@dataclass(frozen=True, slots=True)
class EffectState:
    """The delivery is still in this state."""

    delivery_id: str
    state: DeliveryState


@dataclass(frozen=True, slots=True)
class CrossReferenceAbsent:
    account: str
    model: str
    key: str


@dataclass(frozen=True, slots=True)
class CrossReferenceClaimed:
    """Claimed by this effect."""

    account: str
    model: str
    key: str
    effect_id: str


@dataclass(frozen=True, slots=True)
class CellVersion:
    """The cell has this version; 0 = it does not exist."""

    name: str
    version: int


Guard = LaneFence | EffectState | CrossReferenceAbsent | CrossReferenceClaimed | CellVersion

# --- changes ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Payload:
    ref: PayloadRef
    data: bytes


@dataclass(frozen=True, slots=True)
class MessageMove:
    id: str
    before: MessageState
    after: MessageState
    reason: str = ""
    record: PayloadRef | None = None
    """the hydrated record, kept beside its message so that doing it again uses it"""


@dataclass(frozen=True, slots=True)
class DeliveryMove:
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


@dataclass(frozen=True, slots=True)
class ExchangeMove:
    """An exchange's outcome, or its return to `intent` for one more attempt."""

    id: str
    before: ExchangeState
    after: ExchangeState
    answer: bytes | None = None
    why: str = ""
    ended_at: float = 0.0
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Insert a claimed cross-reference, or take over the fingerprint of a linked one at intent."""

    reference: CrossReference


@dataclass(frozen=True, slots=True)
class Link:
    """Write the cross-reference (linked, or moved), whatever was there under the same (account, model, key).

    A Link whose remote id already belongs to another key refuses the Work: two entities, one record."""

    reference: CrossReference


@dataclass(frozen=True, slots=True)
class Release:
    """Drop a claim whose effect will not happen. A linked cross-reference is never dropped."""

    account: str
    model: str
    key: str
    effect_id: str


CrossReferenceChange = Claim | Link | Release


@dataclass(frozen=True, slots=True)
class Entity:
    """The newest version of an entity that the events stream holds."""

    account: str
    model: str
    key: str
    version: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Position:
    """The lane has been read up to and including `number`. Moves only forward, except by rewind (`back`)."""

    lane: Lane
    number: int
    back: bool = False


@dataclass(frozen=True, slots=True)
class CellWrite:
    """A small versioned value: poll cursor, token, breaker, budget. The store raises the version by one."""

    name: str
    value: bytes | None
    """None removes it"""


@dataclass(frozen=True, slots=True)
class Count:
    """Counts travel in the Work, so that retention can remove rows and the sums still agree."""

    scope: str
    """`connection/<name>` | `flow/<name>`"""
    name: str
    amount: int


@dataclass(frozen=True, slots=True)
class Work:
    """One atomic commit. Appends (arrivals, messages, events, deliveries, exchanges, effects, payloads) are
    idempotent by id: a row that is there already stays as it is and is reported in `Committed.repeated`."""

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


@dataclass(frozen=True, slots=True)
class Committed:
    """Durable. `repeated` holds the ids of appended rows that were there already (messages, events, deliveries);
    `conflicts` those of messages whose content differs from what was there: the first one is kept."""

    repeated: frozenset[str] = frozenset()
    conflicts: frozenset[str] = frozenset()
    numbers: dict[str, int] = field(default_factory=dict)
    """message or event id → its number, for rows appended by this Work"""


@dataclass(frozen=True, slots=True)
class NotCommitted:
    """A guard or a transition did not hold: nothing of the Work was applied."""

    guard: Guard | DeliveryMove | ExchangeMove | MessageMove | Link
    found: str = ""
    """what was there instead, for a person"""
