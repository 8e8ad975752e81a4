"""No query walks through a table that grows with the traffic."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from crossdock.core.lanes import Lane
from crossdock.core.states import DeliveryState, MessageState, WaitingFor
from crossdock.stores.facts import Wanted
from crossdock.stores.sqlite import reads
from crossdock.stores.sqlite.lookup import look_up
from crossdock.stores.sqlite.opening import connect_writer
from crossdock.testing.store_promises import samples as a

D = DeliveryState
SMALL = {"streams", "heads", "lanes", "counts", "tallies"}
"""They grow with the project"""
STEP = re.compile(r"SCAN ([a-z_]+)(?: USING (?:COVERING )?INDEX (\w+))?")


class _Explained:
    """A cursor that notes the plan of what it executes."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self.scans: list[str] = []

    def execute(self, sql: str, values: Any = ()) -> apsw.Cursor:
        for *_, step in self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", values):
            match = STEP.match(step)
            if match and match[1] not in SMALL:
                self.scans.append(match[2] or match[1])
        return self._cursor.execute(sql, values)

    def fetchone(self) -> Any:
        return self._cursor.fetchone()


def deliveries(cursor: Any, **wishes: Any) -> object:
    asked = {
        "ids": (), "event_ids": (), "flow": "", "states": (), "waiting_for": None, "partitionkey": "", "limit": 10
    }  # fmt: skip
    return reads.deliveries(cursor, **(asked | wishes))


def references(cursor: Any, account: str = "", model: str = "", keys: Any = (), remote_ids: Any = ()) -> object:
    return reads.cross_references(cursor, account, model, keys, remote_ids, 10)


EVERYTHING = Wanted(
    works={"w": None},
    messages={"m": None},
    events={"e": None},
    deliveries={"d": None},
    exchanges={"x": None},
    references={("a", "m", "k"): None},
    remotes={("a", "m", "r"): None},
    cells={"c": None},
)

QUERIES: dict[str, Callable[[Any], object]] = {
    "applied": lambda c: reads.applied(c, "w"),
    "read": lambda c: reads.read(c, {Lane("n", a.INBOX, 3): 0}, 10),
    "payloads": lambda c: reads.payloads(c, [a.ref("1")]),
    "messages by id": lambda c: reads.messages(c, ["m"], "", None, "", 10),
    "messages of a connection": lambda c: reads.messages(c, [], "shop", None, "", 10),
    "quarantine": lambda c: reads.messages(c, [], "shop", MessageState.QUARANTINED, "", 10),
    "events by id": lambda c: reads.events(c, ["e"], "", 10),
    "events by key": lambda c: reads.events(c, [], "k", 10),
    "entities": lambda c: reads.entities(c, [("a", "m", "k")]),
    "deliveries by id": lambda c: deliveries(c, ids=["d"]),
    "deliveries by event": lambda c: deliveries(c, event_ids=["e"], flow="f"),
    "deliveries of a flow that wait": lambda c: deliveries(c, flow="f", states=[D.WAITING]),
    "deliveries that wait for a need": lambda c: deliveries(
        c, flow="f", states=[D.WAITING], waiting_for=WaitingFor.NEED
    ),
    "deliveries of a key": lambda c: deliveries(c, flow="f", partitionkey="k"),
    "deliveries of a key that wait": lambda c: deliveries(c, flow="f", partitionkey="k", states=[D.WAITING, D.DEAD]),
    "next of key": lambda c: reads.next_of_key(c, "f", "k", 1),
    "heads of keys": lambda c: reads.heads_of_keys(c, "f", 10),
    "heads of keys, past the dead": lambda c: reads.heads_of_keys(c, "f", 10, past_dead=True),
    "oldest open": lambda c: reads.oldest_open(c, "f"),
    "keys under way": lambda c: reads.keys_under_way(c, "f", ["k"]),
    "exchanges": lambda c: reads.exchanges(c, ["b"]),
    "effects": lambda c: reads.effects(c, ["d"]),
    "attempts": lambda c: reads.attempts(c, ["x"]),
    "references by key": lambda c: references(c, "a", "m", keys=["k"]),
    "references by remote id": lambda c: references(c, "a", "m", remote_ids=["r"]),
    "references of an entity": lambda c: references(c, keys=["k"]),
    "claims": lambda c: reads.claimed_keys(c, "a", "m", 1.0),
    "cells": lambda c: reads.cells(c, "p"),
    "what a batch must know": lambda c: look_up(c, EVERYTHING, {}, {}),
}
A_FEW_ROWS = {
    "holds": (lambda c: deliveries(c, flow="f", states=[D.HELD, D.DEAD]), ["deliveries_for_a_person"]),
    "all quarantine": (
        lambda c: reads.messages(c, [], "", MessageState.QUARANTINED, "", 10),
        ["messages_not_normalised"],
    ),
}
"""They walk through an index that holds only what is asked for, or little more."""


@pytest.fixture
def cursor(tmp_path: Path) -> Iterator[_Explained]:
    connection = connect_writer(str(tmp_path / "hub.db"))
    connection.execute("INSERT INTO streams VALUES (0, 'events'), (1, 'inbox/shop')")
    connection.execute("INSERT INTO heads VALUES (1, 3, 5)")
    # `deliveries by event` looks its place up first, and asks nothing more when there is none.
    row = ", ".join("1" for _ in connection.execute("SELECT 1 FROM pragma_table_info('events')"))
    connection.execute(f"INSERT INTO events VALUES ({row})")
    connection.execute("UPDATE events SET id = 'e'")
    yield _Explained(connection)
    connection.close()


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_answered_by_a_key_or_an_index(cursor: _Explained, name: str) -> None:
    QUERIES[name](cursor)
    assert cursor.scans == []


@pytest.mark.parametrize("name", A_FEW_ROWS)
def test_what_people_decide_on_is_listed_from_an_index_of_its_own(cursor: _Explained, name: str) -> None:
    query, index = A_FEW_ROWS[name]
    query(cursor)
    assert cursor.scans == index
