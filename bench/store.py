"""How fast the store applies a hub's whole cycle: ingest, normalise, plan, intent, outcome.

    python bench/store.py [--seconds N] [--url sqlite:PATH] [--json]

An event is 14 rows in 5 commits: arrival, payload and message; event and entity; delivery; exchange, effect and claim;
attempt and link, with the moves between. Ingest, intent and outcome are one Work an event, as a hub makes them;
normalise and plan one Work for many. `ratio` is events/s over that of a bare executemany of the same rows into the
same tables, one transaction for 256 events, in the same run: what deciding, guarding and waking callers cost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import apsw
from _figures import tell
from msgspec.structs import replace

from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange, ExchangeState
from crossdock.core.effects import EffectClass
from crossdock.core.event import Event
from crossdock.core.ids import digest
from crossdock.core.lanes import Lane, lanes_of
from crossdock.core.message import Arrival, Message
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.store import Store
from crossdock.core.wire import PayloadRef
from crossdock.core.work import (
    Claim,
    Committed,
    Count,
    DeliveryMove,
    Entity,
    ExchangeMove,
    LaneFence,
    Link,
    MessageMove,
    Payload,
    Position,
    Work,
)
from crossdock.core.xref import CrossReference, LinkState
from crossdock.stores import open_store
from crossdock.stores.sqlite import rows
from crossdock.stores.sqlite.opening import connect_writer

AT_ONCE = 256
PIPELINES = 3
BODY = json.dumps({"id": 1, "lines": [{"sku": "A-1", "quantity": 2, "price": "19.90"}] * 8}).encode()
REQUEST = json.dumps({"method": "POST", "url": "https://books.example/invoice", "text": BODY.decode()}).encode()


class Shop:
    """Makes the rows of event number `index`; all ids follow from it."""

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def id(self, kind: str, index: int) -> str:
        return digest(self._seed, kind, index)

    def arrival(self, index: int) -> tuple[Payload, Arrival, Message]:
        ref = PayloadRef(self.id("payload", index), len(BODY), sha256(BODY).hexdigest())
        arrival = Arrival(self.id("arrival", index), "shop", 1e9 + index, b'{"content-type":"application/json"}', ref)
        message = Message(
            id=self.id("message", index),
            arrival_id=arrival.id,
            connection="shop",
            topic="orders/create",
            order_hint=f"order/{index}",
            content_hash=self.id("content", index),
            body=ref,
            received_at=1e9 + index,
        )
        return Payload(ref, BODY), arrival, message

    def event(self, index: int, cause: str) -> Event:
        key = f"shop:{self._seed}:{index}"
        return Event(
            id=self.id("event", index),
            connection="shop",
            account="joanna.example",
            model="order",
            major=1,
            verb="created",
            key=key,
            partitionkey=key,
            version=f"{index:012}",
            occurred_at=1e9 + index,
            cause=cause,
            origin="",
            trail="",
            data=BODY,
            appended_at=1e9 + index,
        )

    def delivery(self, index: int, event: Event, number: int) -> Delivery:
        return Delivery(
            id=self.id("delivery", index),
            flow="order-to-invoice",
            event_id=event.id,
            key=event.key,
            partitionkey=event.partitionkey,
            partition=event.partition,
            number=number,
            planned_at=1e9 + index,
        )

    def exchange(self, index: int, delivery: Delivery) -> tuple[Exchange, Effect, CrossReference]:
        exchange = Exchange(
            id=self.id("exchange", index),
            batch=delivery.id,
            connection="books",
            step="create",
            revision=0,
            effect=EffectClass.NATIVE_KEY,
            request=REQUEST,
            request_hash=self.id("request", index),
            first_sent_at=1e9 + index,
        )
        effect = Effect(self.id("effect", index), delivery.id, exchange.id, "0", "create")
        claim = CrossReference(
            "books",
            "invoice",
            delivery.key,
            LinkState.CLAIMED,
            effect_id=effect.id,
            fingerprint=self.id("print", index),
        )
        return exchange, effect, claim


async def turn(store: Store, shop: Shop, start: int, fences: dict[Lane, int]) -> int:
    """The whole cycle of AT_ONCE events; returns how many Works that took."""
    indexes = range(start, start + AT_ONCE)
    arrivals = [shop.arrival(index) for index in indexes]
    works = [
        Work(shop.id("ingest", index), payloads=(payload,), arrivals=(arrival,), messages=(message,))
        for index, (payload, arrival, message) in zip(indexes, arrivals, strict=True)
    ]
    read = {message.id: message for _, _, message in arrivals}
    positions = _furthest("normalise", "inbox/shop", await _all(store, works), read)
    events = [shop.event(index, message.id) for index, message in zip(indexes, read.values(), strict=True)]
    normalise = Work(
        shop.id("normalise", start),
        guards=tuple(LaneFence(position.lane, fences[position.lane]) for position in positions),
        message_moves=tuple(MessageMove(id_, MessageState.RECEIVED, MessageState.NORMALISED) for id_ in read),
        events=tuple(events),
        entities=tuple(Entity(event.account, event.model, event.key, event.version, event.id) for event in events),
        positions=positions,
    )
    committed = await _all(store, [normalise])
    numbers = committed[0].numbers
    deliveries = [shop.delivery(index, event, numbers[event.id]) for index, event in zip(indexes, events, strict=True)]
    positions = _furthest("flow/order-to-invoice", "events", committed, {event.id: event for event in events})
    plan = Work(
        shop.id("plan", start),
        guards=tuple(LaneFence(position.lane, fences[position.lane]) for position in positions),
        deliveries=tuple(deliveries),
        positions=positions,
        counts=(Count("flow/order-to-invoice", "planned", len(deliveries)),),
    )
    await _all(store, [plan])
    made = [shop.exchange(index, delivery) for index, delivery in zip(indexes, deliveries, strict=True)]
    intents = [
        Work(
            shop.id("intent", index),
            delivery_moves=(DeliveryMove(delivery.id, DeliveryState.WAITING, DeliveryState.SENDING, outbound=BODY),),
            exchanges=(exchange,),
            effects=(effect,),
            cross_references=(Claim(claim),),
        )
        for index, delivery, (exchange, effect, claim) in zip(indexes, deliveries, made, strict=True)
    ]
    await _all(store, intents)
    outcomes = [
        Work(
            shop.id("outcome", index),
            delivery_moves=(
                DeliveryMove(delivery.id, DeliveryState.SENDING, DeliveryState.DELIVERED, settled_at=1e9 + index),
            ),
            exchange_moves=(ExchangeMove(exchange.id, ExchangeState.INTENT, ExchangeState.OK, b'{"id":1}'),),
            attempts=(Attempt(exchange.id, 1, 1e9 + index, 1e9 + index, ExchangeState.OK, 200),),
            cross_references=(Link(replace(claim, state=LinkState.LINKED, remote_id=shop.id("remote", index))),),
            counts=(Count("flow/order-to-invoice", "delivered", 1),),
        )
        for index, delivery, (exchange, _, claim) in zip(indexes, deliveries, made, strict=True)
    ]
    await _all(store, outcomes)
    return 3 * AT_ONCE + 2


async def _all(store: Store, works: list[Work]) -> list[Committed]:
    answers = await asyncio.gather(*(store.apply(work) for work in works))
    committed = [answer for answer in answers if isinstance(answer, Committed)]
    if len(committed) != len(works):
        sys.exit(f"refused: {next(answer for answer in answers if not isinstance(answer, Committed))}")
    return committed


def _furthest(
    reader: str, stream: str, committed: list[Committed], by_id: dict[str, Message] | dict[str, Event]
) -> tuple[Position, ...]:
    ends: dict[Lane, int] = {}
    for answer in committed:
        for id_, number in answer.numbers.items():
            lane = Lane(reader, stream, by_id[id_].partition)
            ends[lane] = max(number, ends.get(lane, 0))
    return tuple(Position(lane, number) for lane, number in ends.items())


async def measure(url: str, seconds: float) -> dict[str, float]:
    store = open_store(url)
    fences = {
        lane: held.fence
        for reader, stream in (("normalise", "inbox/shop"), ("flow/order-to-invoice", "events"))
        for lane, held in (await store.lease(lanes_of(reader, stream), "bench", 1e12, 0.0)).items()
    }
    shop = Shop(str(time.time_ns()))
    turns = iter(range(1 << 30))
    works = events = 0
    latencies: list[float] = []
    started, cpu = time.perf_counter(), time.process_time()

    async def pipeline() -> None:
        nonlocal works, events
        while time.perf_counter() - started < seconds:
            began = time.perf_counter()
            applied = await turn(store, shop, next(turns) * AT_ONCE, fences)
            works += applied
            events += AT_ONCE
            latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(pipeline() for _ in range(PIPELINES)))
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    await store.close()
    latencies.sort()
    return {
        "events": events,
        "events_per_s": events / took,
        "works_per_s": works / took,
        "cpu_us_per_event": cpu / events * 1e6,
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3,
    }


def _bare_rows(shop: Shop, indexes: range) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    def insert(table: str, columns: str) -> str:
        return f"INSERT INTO {table} ({columns}) VALUES ({','.join('?' * (columns.count(',') + 1))})"

    arrivals = [shop.arrival(index) for index in indexes]
    events = [shop.event(index, message.id) for index, (_, _, message) in zip(indexes, arrivals, strict=True)]
    deliveries = [shop.delivery(index, event, index) for index, event in zip(indexes, events, strict=True)]
    made = [shop.exchange(index, delivery) for index, delivery in zip(indexes, deliveries, strict=True)]
    pack = rows.packed
    yield (
        insert("payloads", "id, chunk, added_at, data"),
        [(pack(payload.ref.id), 0, 0.0, payload.data) for payload, _, _ in arrivals],
    )
    yield insert("arrivals", rows.ARRIVAL), [rows.arrival_row(arrival) for _, arrival, _ in arrivals]
    yield (
        insert("messages", rows.MESSAGE),
        [
            rows.message_row(message, rows.place(1, message.partition, index))
            for index, (_, _, message) in zip(indexes, arrivals, strict=True)
        ],
    )
    yield (
        insert("events", rows.EVENT),
        [
            rows.event_row(event, rows.place(0, event.partition, index))
            for index, event in zip(indexes, events, strict=True)
        ],
    )
    yield insert("deliveries", rows.DELIVERY_ROW), [rows.delivery_row(delivery) for delivery in deliveries]
    yield insert("exchanges", rows.EXCHANGE), [rows.exchange_row(exchange) for exchange, _, _ in made]
    yield insert("effects", rows.EFFECT), [rows.effect_row(effect) for _, effect, _ in made]
    yield insert("cross_references", rows.REFERENCE), [rows.reference_row(claim) for _, _, claim in made]
    yield (
        insert("attempts", rows.ATTEMPT),
        [rows.attempt_row(Attempt(exchange.id, 1, 0.0, 0.0, ExchangeState.OK, 200)) for exchange, _, _ in made],
    )
    yield "UPDATE messages SET state = 'normalised' WHERE id = ?", [(pack(m.id),) for _, _, m in arrivals]
    yield (
        "UPDATE deliveries SET state = 'delivered', outbound = ? WHERE id = ?",
        [(BODY, pack(d.id)) for d in deliveries],
    )
    yield "UPDATE exchanges SET state = 'ok' WHERE id = ?", [(pack(exchange.id),) for exchange, _, _ in made]


def bare(path: Path, seconds: float) -> float:
    """Events/s of a plain executemany."""
    connection = connect_writer(str(path))
    shop, events, started = Shop("bare"), 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        statements = list(_bare_rows(shop, range(events + 1, events + 1 + AT_ONCE)))
        with connection:
            for sql, values in statements:
                connection.executemany(sql, values)
        events += AT_ONCE
    took = time.perf_counter() - started
    connection.close()
    return events / took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--url", default="", help="default: a SQLite file in a new temporary folder")
    parser.add_argument("--json", action="store_true", help="only the last line, as JSON")
    options = parser.parse_args()
    # The writer is a thread: a busy event loop must hand over the interpreter's lock soon.
    sys.setswitchinterval(0.0005)
    with tempfile.TemporaryDirectory() as folder:
        plain = bare(Path(folder) / "bare.db", options.seconds / 2)
        measured = asyncio.run(measure(options.url or f"sqlite:{folder}/hub.db", options.seconds))
    result = {
        **{name: round(value, 1) for name, value in measured.items()},
        "bare_events_per_s": round(plain, 1),
        "ratio": round(measured["events_per_s"] / plain, 3),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "sqlite": apsw.sqlite_lib_version(),
    }
    tell(result, only_json=options.json)


if __name__ == "__main__":
    main()
