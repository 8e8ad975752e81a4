"""How core's values lie in SQLite's columns, both ways. One entry a table; column order is the migration's."""

from __future__ import annotations

from typing import Any

from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange, ExchangeState
from crossdock.core.effects import EffectClass
from crossdock.core.event import Event
from crossdock.core.message import Arrival, Message
from crossdock.core.states import OPEN, SETTLED, DeliveryState, MessageState, WaitingFor
from crossdock.core.wire import PayloadRef
from crossdock.core.work import Entity
from crossdock.core.xref import CrossReference, LinkState

NUMBER_BITS = 40
PARTITION_BITS = 5
EVENTS_CODE = 0
"""The stream code of `events`; inboxes count from 1."""
_NUMBER = (1 << NUMBER_BITS) - 1

Row = tuple[Any, ...]


def place(stream: int, partition: int, number: int) -> int:
    """Where a row stands: order within one (stream, partition) is the order of this integer. `partition` may be 32: the
    end of the stream."""
    return (((stream << PARTITION_BITS) + partition) << NUMBER_BITS) + number


def number_of(at: int) -> int:
    return at & _NUMBER


def partition_at(at: int) -> int:
    return at >> NUMBER_BITS & (1 << PARTITION_BITS) - 1


def packed(identity: str) -> bytes | str:
    """A digest of 16 or 32 bytes as bytes, half as wide as its hex digits; any other text as it is."""
    if len(identity) == 32 or len(identity) == 64:
        try:
            data = bytes.fromhex(identity)
        except ValueError:
            return identity
        if data.hex() == identity:
            return data
    return identity


def unpacked(value: bytes | str) -> str:
    return value.hex() if isinstance(value, bytes) else value


def arrival_row(arrival: Arrival) -> Row:
    ref = arrival.payload
    return (
        packed(arrival.id), arrival.connection, arrival.received_at, arrival.headers,
        packed(ref.id), ref.size_bytes, packed(ref.sha256),
    )  # fmt: skip


ARRIVAL = "id, connection, received_at, headers, payload, payload_bytes, payload_sha256"


def arrival_of(row: Row) -> Arrival:
    return Arrival(unpacked(row[0]), row[1], row[2], row[3], _ref(row[4], row[5], row[6]))


MESSAGE = (
    "id, arrival, connection, topic, order_hint, content_hash, body, body_bytes, body_sha256, received_at, hydrate,"
    " remote_id, state, reason, place"
)


def message_row(message: Message, at: int) -> Row:
    body = message.body
    return (
        packed(message.id), packed(message.arrival_id), message.connection, message.topic, message.order_hint,
        packed(message.content_hash), packed(body.id), body.size_bytes, packed(body.sha256), message.received_at,
        message.hydrate, message.remote_id, message.state, message.reason, at,
    )  # fmt: skip


def message_of(row: Row) -> Message:
    return Message(
        id=unpacked(row[0]),
        arrival_id=unpacked(row[1]),
        connection=row[2],
        topic=row[3],
        order_hint=row[4],
        content_hash=unpacked(row[5]),
        body=_ref(row[6], row[7], row[8]),
        received_at=row[9],
        hydrate=row[10],
        remote_id=row[11],
        state=MessageState(row[12]),
        reason=row[13],
        number=number_of(row[14]),
    )


EVENT = (
    "id, connection, account, model, major, verb, key, partitionkey, version, occurred_at, cause, origin, trail, data,"
    " stale, place, appended_at"
)


def event_row(event: Event, at: int) -> Row:
    return (
        packed(event.id), event.connection, event.account, event.model, event.major, event.verb, event.key,
        event.partitionkey, event.version, event.occurred_at, packed(event.cause), packed(event.origin), event.trail,
        event.data, int(event.stale), at, event.appended_at,
    )  # fmt: skip


def event_of(row: Row) -> Event:
    return Event(
        id=unpacked(row[0]),
        connection=row[1],
        account=row[2],
        model=row[3],
        major=row[4],
        verb=row[5],
        key=row[6],
        partitionkey=row[7],
        version=row[8],
        occurred_at=row[9],
        cause=unpacked(row[10]),
        origin=unpacked(row[11]),
        trail=row[12],
        data=row[13],
        stale=bool(row[14]),
        number=number_of(row[15]),
        appended_at=row[16],
    )


def entity_row(entity: Entity) -> Row:
    return (entity.key, entity.account, entity.model, entity.version, packed(entity.event_id))


ENTITY = "account, model, key, version, event"


def entity_of(row: Row) -> Entity:
    return Entity(row[0], row[1], row[2], row[3], unpacked(row[4]))


DELIVERY = (
    "id, flow, event, key, partitionkey, place, state, waiting_for, reason, due_at, attempts, generation, revision,"
    " batch, outbound, planned_at, settled_at"
)


_STAGES = {
    state: 0 if state in OPEN else 2 if state in SETTLED else 1  # as the migration says
    for state in DeliveryState
}


def stage_of(state: DeliveryState) -> int:
    return _STAGES[state]


def delivery_row(delivery: Delivery) -> Row:
    return (
        packed(delivery.id), delivery.flow, packed(delivery.event_id), delivery.key, delivery.partitionkey,
        place(EVENTS_CODE, delivery.partition, delivery.number), delivery.state, delivery.waiting_for, delivery.reason,
        delivery.due_at, delivery.attempts, delivery.generation, delivery.revision, packed(delivery.batch),
        delivery.outbound, delivery.planned_at, delivery.settled_at, _STAGES[delivery.state],
    )  # fmt: skip


DELIVERY_ROW = f"{DELIVERY}, stage"


def delivery_of(row: Row) -> Delivery:
    return Delivery(
        id=unpacked(row[0]),
        flow=row[1],
        event_id=unpacked(row[2]),
        key=row[3],
        partitionkey=row[4],
        partition=partition_at(row[5]),
        number=number_of(row[5]),
        state=DeliveryState(row[6]),
        waiting_for=WaitingFor(row[7]) if row[7] else None,
        reason=row[8],
        due_at=row[9],
        attempts=row[10],
        generation=row[11],
        revision=row[12],
        batch=unpacked(row[13]),
        outbound=row[14],
        planned_at=row[15],
        settled_at=row[16],
    )


EXCHANGE = (
    "id, batch, connection, step, revision, effect, request, request_hash, state, answer, why, first_sent_at,"
    " ended_at, attempts"
)


def exchange_row(exchange: Exchange) -> Row:
    return (
        packed(exchange.id), packed(exchange.batch), exchange.connection, exchange.step, exchange.revision,
        exchange.effect, exchange.request, packed(exchange.request_hash), exchange.state, exchange.answer,
        exchange.why, exchange.first_sent_at, exchange.ended_at, exchange.attempts,
    )  # fmt: skip


def exchange_of(row: Row) -> Exchange:
    return Exchange(
        id=unpacked(row[0]),
        batch=unpacked(row[1]),
        connection=row[2],
        step=row[3],
        revision=row[4],
        effect=EffectClass(row[5]) if row[5] else None,
        request=row[6],
        request_hash=unpacked(row[7]),
        state=ExchangeState(row[8]),
        answer=row[9],
        why=row[10],
        first_sent_at=row[11],
        ended_at=row[12],
        attempts=row[13],
    )


EFFECT = "id, delivery, exchange, item, step"


def effect_row(effect: Effect) -> Row:
    return (packed(effect.id), packed(effect.delivery_id), packed(effect.exchange_id), effect.item, effect.step)


def effect_of(row: Row) -> Effect:
    return Effect(unpacked(row[0]), unpacked(row[1]), unpacked(row[2]), row[3], row[4])


ATTEMPT = "exchange, number, started_at, ended_at, outcome, status, detail"


def attempt_row(attempt: Attempt) -> Row:
    return (
        packed(attempt.exchange_id), attempt.number, attempt.started_at, attempt.ended_at, attempt.outcome,
        attempt.status, attempt.detail,
    )  # fmt: skip


def attempt_of(row: Row) -> Attempt:
    return Attempt(unpacked(row[0]), row[1], row[2], row[3], ExchangeState(row[4]), row[5], row[6])


REFERENCE = "account, model, key, state, remote_id, effect, version, fingerprint, moved_to, trail, updated_at"


def reference_row(reference: CrossReference) -> Row:
    return (
        reference.account, reference.model, reference.key, reference.state, reference.remote_id or None,
        packed(reference.effect_id), reference.version, packed(reference.fingerprint), reference.moved_to,
        reference.trail, reference.updated_at,
    )  # fmt: skip


def reference_of(row: Row) -> CrossReference:
    return CrossReference(
        account=row[0],
        model=row[1],
        key=row[2],
        state=LinkState(row[3]),
        remote_id=row[4] or "",
        effect_id=unpacked(row[5]),
        version=row[6],
        fingerprint=unpacked(row[7]),
        moved_to=row[8],
        trail=row[9],
        updated_at=row[10],
    )


def _ref(identity: bytes | str, size_bytes: int, sha256: bytes | str) -> PayloadRef:
    return PayloadRef(unpacked(identity), size_bytes, unpacked(sha256))


def record_of(row: Row) -> PayloadRef | None:
    """Of the columns record, record_bytes, record_sha256."""
    return None if row[0] is None else _ref(row[0], row[1], row[2])
