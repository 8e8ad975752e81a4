"""The rows of the effect journal: deliveries, their effects, the exchanges that carried them, and each attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from crossdock.core.effects import EffectClass
from crossdock.core.states import DeliveryState, WaitingFor


class Delivery(Struct, frozen=True, gc=False):
    """One event × one flow."""

    id: str
    flow: str
    event_id: str
    key: str
    partitionkey: str
    partition: int
    number: int
    """its event's place; deliveries of one partition key go in this order"""
    state: DeliveryState = DeliveryState.WAITING
    waiting_for: WaitingFor | None = WaitingFor.KEY
    reason: str = ""
    """why it is where it is, for a person"""
    due_at: float = 0.0
    """engine time before which nothing is tried; for a need, its deadline"""
    attempts: int = 0
    """those that used up the retry policy; see `tries_of` for all"""
    generation: int = 0
    revision: int = 0
    batch: str = ""
    """deliveries that went out together are driven again together"""
    outbound: bytes = b""
    """the mapped items, frozen with the first intent (JSON); \"\" before it"""
    planned_at: float = 0.0
    settled_at: float = 0.0


class ExchangeState(StrEnum):
    INTENT = "intent"
    """committed, perhaps sent: after a crash this is unknown"""
    OK = "ok"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    ABANDONED = "abandoned"
    """a stale revision, replaced by a newer one"""


class Exchange(Struct, frozen=True, gc=False):
    """One frozen request carrying the effects of one or more deliveries; or a journalled read (`effect` None)."""

    id: str
    batch: str
    """the delivery id, or the id of the batch"""
    connection: str
    step: str
    revision: int
    effect: EffectClass | None
    request: bytes
    """`Http.freeze()`, unsigned"""
    request_hash: str
    state: ExchangeState = ExchangeState.INTENT
    answer: bytes = b""
    """the verdict's answer as JSON: what a re-driven action is told"""
    why: str = ""
    """how it came to its end; of an intent: the worker that sends it"""
    first_sent_at: float = 0.0
    ended_at: float = 0.0
    attempts: int = 1
    """how often it was sent; the one that is under way, or was when a hub died, included"""


class Effect(Struct, frozen=True, gc=False):
    """item × step: what must happen once."""

    id: str
    delivery_id: str
    exchange_id: str
    item: str
    step: str


class Attempt(Struct, frozen=True, gc=False):
    exchange_id: str
    number: int
    started_at: float
    ended_at: float
    outcome: ExchangeState
    status: int
    """HTTP status, 0 when there was no answer"""
    detail: str = ""


def tries_of(delivery: Delivery, journal: Iterable[Exchange]) -> int:
    """How often its change was sent, whatever each of them cost: that of its steps which took the most."""
    tries: Counter[str] = Counter()
    for exchange in journal:
        if exchange.effect is not None:
            tries[exchange.step] += exchange.attempts
    return max(delivery.attempts, *tries.values(), 0)
