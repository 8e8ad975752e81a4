"""Whatever a group holds, it ends as its Works would have ended one by one."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from crossdock.core.delivery import ExchangeState
from crossdock.core.lanes import Lane
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.work import (
    CellVersion,
    CellWrite,
    Claim,
    Count,
    CrossReferenceAbsent,
    DeliveryMove,
    Entity,
    ExchangeMove,
    LaneFence,
    Link,
    MessageMove,
    Position,
    Release,
    Work,
)
from crossdock.stores.sqlite.opening import MEMORY, connect_writer
from crossdock.stores.sqlite.writer import Writer
from crossdock.testing.store_promises import samples as a

FEW = st.sampled_from("123")
DELIVERY = st.sampled_from([DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.HELD, DeliveryState.DELIVERED])
MESSAGE = st.sampled_from([MessageState.RECEIVED, MessageState.QUARANTINED, MessageState.NORMALISED])
EXCHANGE = st.sampled_from([ExchangeState.INTENT, ExchangeState.OK])
EFFECT = st.sampled_from(["effect-1", "effect-2"])
KEY = st.sampled_from(["order:1", "order:2"])
REMOTE = st.sampled_from(["", "77", "78"])
BYTES = st.sampled_from([None, b"", b"x"])
NUMBER = st.integers(0, 3)


GUARDS = st.one_of(
    st.builds(lambda key: CrossReferenceAbsent("books", "invoice", key), KEY),
    st.builds(CellVersion, FEW, NUMBER),
    st.builds(lambda fence: LaneFence(Lane("r", "events", 0), fence), st.sampled_from([0, 0, 1])),
)
REFERENCES = st.one_of(
    st.builds(lambda key, effect, print_: Claim(a.claimed(key, effect, fingerprint=print_)), KEY, EFFECT, FEW),
    st.builds(lambda key, remote, effect: Link(a.linked(key, remote, effect_id=effect)), KEY, REMOTE, EFFECT),
    st.builds(lambda key, effect: Release("books", "invoice", key, effect), KEY, EFFECT),
)
PARTS: dict[str, st.SearchStrategy[Any]] = {
    "guards": GUARDS,
    "payloads": st.builds(a.payload, FEW, st.sampled_from([b"1", b"2"])),
    "arrivals": FEW.map(a.arrival),
    "messages": st.builds(lambda name, content: a.message(name, content=content), FEW, st.sampled_from("ab")),
    "message_moves": st.builds(
        lambda name, one, two: MessageMove(a.message(name).id, one, two, name), FEW, MESSAGE, MESSAGE
    ),
    "events": FEW.map(a.event),
    "entities": st.builds(lambda version: Entity("acc", "order", "k", version, version), FEW),
    "deliveries": FEW.map(a.delivery),
    "delivery_moves": st.builds(
        lambda name, one, two, out: DeliveryMove(a.delivery(name).id, one, two, reason=name, outbound=out),
        FEW,
        DELIVERY,
        DELIVERY,
        BYTES,
    ),
    "exchanges": FEW.map(lambda name: a.exchange(name, "batch")),
    "exchange_moves": st.builds(
        lambda name, one, two, out: ExchangeMove(a.exchange(name, "").id, one, two, out),
        FEW,
        EXCHANGE,
        EXCHANGE,
        BYTES,
    ),
    "effects": FEW.map(lambda name: a.effect(name, "d", "x")),
    "attempts": NUMBER.map(lambda number: a.attempt("x", number)),
    "cross_references": REFERENCES,
    "positions": st.builds(Position, st.just(Lane("r", "events", 0)), NUMBER, st.booleans()),
    "cells": st.builds(CellWrite, FEW, BYTES),
    "counts": st.builds(Count, st.just("s"), FEW, st.integers(-2, 2)),
}


@st.composite
def works(draw: st.DrawFn) -> Work:
    """A few parts each, so that many hold."""
    parts = draw(st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=3, unique=True))
    changes = {part: tuple(draw(st.lists(PARTS[part], min_size=1, max_size=2))) for part in parts}
    return Work(draw(st.integers(0, 30).map(str)), **changes)


def contents(writer: Writer) -> dict[str, list[Any]]:
    execute = writer._cursor.execute
    tables = [name for (name,) in execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    return {table: sorted(execute(f"SELECT * FROM {table}"), key=repr) for table in tables}


@settings(max_examples=150, deadline=None)
@given(st.lists(works(), min_size=1, max_size=20), st.integers(1, 20))
def test_a_group_ends_as_its_works_would_one_by_one(given_works: list[Work], size: int) -> None:
    grouped = Writer(connect_writer(MEMORY), MEMORY, lambda: 7.0)
    single = Writer(connect_writer(MEMORY), MEMORY, lambda: 7.0)
    groups = [given_works[start : start + size] for start in range(0, len(given_works), size)]
    together = [answer for group in groups for answer in grouped.apply(group)]
    alone = [answer for work in given_works for answer in single.apply([work])]
    assert together == alone
    # A tally that came back to zero within a group was never written.
    left, right = contents(grouped), contents(single)
    for side in (left, right):
        side["tallies"] = [row for row in side["tallies"] if row[-1]]
        side["counts"] = [row for row in side["counts"] if row[-1]]
    assert left == right
    grouped.close()
    single.close()
