"""Rows to try a store with. A short name says which row; equal names give equal rows."""

from __future__ import annotations

from collections.abc import Awaitable
from hashlib import sha256

from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange, ExchangeState
from crossdock.core.effects import EffectClass
from crossdock.core.errors import StoreError
from crossdock.core.event import Event
from crossdock.core.ids import PARTITIONS, digest, partition_of
from crossdock.core.lanes import Lane
from crossdock.core.message import Arrival, Message
from crossdock.core.states import DeliveryState, MessageState, WaitingFor
from crossdock.core.store import Store
from crossdock.core.wire import PayloadRef
from crossdock.core.work import Committed, DeliveryMove, NotCommitted, Payload, Work
from crossdock.core.xref import CrossReference, LinkState

FLOW = "order-to-invoice"
INBOX = "inbox/shop"


def ref(name: str, data: bytes = b"{}") -> PayloadRef:
    return PayloadRef(digest("payload", name), len(data), sha256(data).hexdigest())


def payload(name: str, data: bytes = b"{}") -> Payload:
    return Payload(ref(name, data), data)


def arrival(name: str, received_at: float = 1000.5, body: str = "") -> Arrival:
    return Arrival(digest("arrival", name), "shop", received_at, b'{"content-type":"text/plain"}', ref(body or name))


def message(
    name: str,
    *,
    hint: str = "order/1",
    connection: str = "shop",
    content: str = "content",
    received_at: float = 1000.5,
    state: MessageState = MessageState.RECEIVED,
    arrived: str = "",
    body: str = "",
) -> Message:
    return Message(
        id=digest("message", connection, name),
        arrival_id=digest("arrival", arrived or name),
        connection=connection,
        topic="orders/create",
        order_hint=hint,
        content_hash=digest(content),
        body=ref(body or name),
        received_at=received_at,
        hydrate="order",
        remote_id=f"gid/{name}",
        state=state,
        reason="because" if state is MessageState.QUARANTINED else "",
    )


def event(
    name: str, *, key: str = "order:1", partitionkey: str = "", version: str = "0001", appended_at: float = 1001.25
) -> Event:
    return Event(
        id=digest("event", name),
        connection="shop",
        account="joanna.example",
        model="order",
        major=2,
        verb="updated",
        key=key,
        partitionkey=partitionkey or key,
        version=version,
        occurred_at=999.125,
        cause=digest("message", "shop", name),
        origin=digest("effect", name),
        trail="books,leads",
        data=b'{"total":"19.90","name":"Z\xc3\xbcrich"}',
        stale=True,
        appended_at=appended_at,
    )


def delivery(
    name: str,
    *,
    flow: str = FLOW,
    of: str = "",
    key: str = "order:1",
    partitionkey: str = "",
    number: int = 1,
    state: DeliveryState = DeliveryState.WAITING,
    waiting_for: WaitingFor | None = WaitingFor.KEY,
    batch: str = "",
    planned_at: float = 1002.75,
    settled_at: float = 0.0,
) -> Delivery:
    return Delivery(
        id=digest("delivery", name),
        flow=flow,
        event_id=digest("event", of or name),
        key=key,
        partitionkey=partitionkey or key,
        partition=partition_of(partitionkey or key),
        number=number,
        state=state,
        waiting_for=waiting_for,
        reason="its turn",
        due_at=1003.5,
        attempts=2,
        generation=1,
        revision=3,
        batch=batch,
        outbound=b'[{"n":1}]',
        planned_at=planned_at,
        settled_at=settled_at,
    )


def exchange(name: str, batch: str, *, state: ExchangeState = ExchangeState.INTENT) -> Exchange:
    return Exchange(
        id=digest("exchange", name),
        batch=batch,
        connection="books",
        step="create",
        revision=1,
        effect=EffectClass.NATIVE_KEY,
        request=b'{"method":"POST","url":"https://books.example/","headers":[],"text":"\x00"}',
        request_hash=digest("request", name),
        state=state,
        answer=b'{"id":7}',
        why="why",
        first_sent_at=1004.0,
        ended_at=1004.5,
        attempts=4,
    )


def effect(name: str, delivery_id: str, exchange_id: str) -> Effect:
    return Effect(digest("effect", name), delivery_id, exchange_id, "0", "create")


def attempt(exchange_id: str, number: int = 1, started_at: float = 1004.0) -> Attempt:
    return Attempt(exchange_id, number, started_at, started_at + 0.5, ExchangeState.UNKNOWN, 503, "busy")


def claimed(
    key: str = "order:1", effect_id: str = "effect-1", *, fingerprint: str = "", trail: str = ""
) -> CrossReference:
    return CrossReference(
        "books", "invoice", key, LinkState.CLAIMED, effect_id=effect_id, fingerprint=fingerprint, trail=trail
    )


def linked(
    key: str = "order:1",
    remote_id: str = "77",
    *,
    effect_id: str = "",
    version: str = "",
    fingerprint: str = "",
    trail: str = "",
) -> CrossReference:
    return CrossReference(
        account="books",
        model="invoice",
        key=key,
        state=LinkState.LINKED,
        remote_id=remote_id,
        effect_id=effect_id,
        version=version,
        fingerprint=fingerprint,
        trail=trail,
        updated_at=5.5,
    )


def move(row: Delivery, after: DeliveryState, **more: object) -> DeliveryMove:
    return DeliveryMove(row.id, row.state, after, **more)  # type: ignore[arg-type]


def lane(partition: int, reader: str = "normalise", stream: str = INBOX) -> Lane:
    return Lane(reader, stream, partition)


def other_partitions(amount: int) -> list[str]:
    """Keys that fall into different partitions."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < min(amount, PARTITIONS):
        found.setdefault(partition_of(f"order:{number}"), f"order:{number}")
        number += 1
    return list(found.values())


async def failure(call: Awaitable[object]) -> StoreError:
    try:
        await call
    except StoreError as error:
        return error
    raise AssertionError("this must raise StoreError")


async def commit(store: Store, work_id: str, **changes: object) -> Committed:
    answer = await store.apply(Work(work_id, **changes))  # type: ignore[arg-type]
    assert isinstance(answer, Committed), answer
    return answer


async def refuse(store: Store, work_id: str, **changes: object) -> NotCommitted:
    answer = await store.apply(Work(work_id, **changes))  # type: ignore[arg-type]
    assert isinstance(answer, NotCommitted), "this Work must be refused"
    return answer
