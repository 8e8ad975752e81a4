"""A decided batch, written in one round trip: what is new, what moved, the hub's state; then the heads, which every
worker wants, and what takes its numbers from them. Rows go by their keys: two workers wait in one direction only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from crossdock.core.delivery import Delivery, Exchange
from crossdock.core.event import STREAM
from crossdock.core.wire import PayloadRef
from crossdock.core.work import DeliveryMove, ExchangeMove, Payload
from crossdock.stores.batch import Changes
from crossdock.stores.facts import Facts, Head, ReferenceKey
from crossdock.stores.postgres.shapes import (
    ARRIVAL,
    ATTEMPT,
    DELIVERY,
    EFFECT,
    ENTITY,
    EVENT,
    EXCHANGE,
    MESSAGE,
    REFERENCE,
)
from crossdock.stores.postgres.together import ROWS, THROUGH, Part, Row, Rows, insert, run_together

# Only constants of this package are written into SQL; what comes from outside is bound.
# ruff: noqa: S608

CHUNK_BYTES = 1 << 20
_NOTHING = "ON CONFLICT DO NOTHING"
_LANE_KEY = {"reader": "text", "stream": "text", "partition": "smallint"}


def _numbered(table: str, columns: Mapping[str, str]) -> Part:
    """Rows whose number counts back from the head that was taken."""
    values = ", ".join("taken.number + new.number" if name == "number" else f"new.{name}" for name in columns)
    stream = "new.stream" if "stream" in columns else f"'{STREAM}'"
    sql = (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {ROWS} AS new ({', '.join(columns)})"
        f" JOIN middle AS taken ON (taken.stream, taken.partition) = ({stream}, new.partition)"
    )
    return Part(sql, tuple(columns.values()))


_WORKS = insert("works", {"id": "text", "applied_at": "double precision"})
_PAYLOADS = insert(
    "payloads", {"id": "text", "chunk": "integer", "added_at": "double precision", "data": "bytea"}, _NOTHING
)
_ARRIVALS = ARRIVAL.insert(conflict=_NOTHING)
_ENTITIES = ENTITY.insert(
    conflict="ON CONFLICT (account, model, key) DO UPDATE SET version = excluded.version, event_id = excluded.event_id"
    " WHERE excluded.version >= entities.version"
)
_DELIVERIES = DELIVERY.insert()
_EXCHANGES = EXCHANGE.insert()
_EFFECTS = EFFECT.insert(conflict=_NOTHING)
_ATTEMPTS = ATTEMPT.insert(conflict=_NOTHING)
_RECORD = {"record": "text", "record_bytes": "bigint", "record_sha256": "text"}
_MESSAGES = _numbered("messages", {**MESSAGE.columns, "stream": "text", "partition": "smallint", **_RECORD})
_EVENTS = _numbered("events", {**EVENT.columns, "partition": "smallint"})

_MESSAGE_MOVES = Part(
    "UPDATE messages SET state = moved.state, reason = moved.reason, record = coalesce(moved.record, messages.record),"
    " record_bytes = coalesce(moved.record_bytes, messages.record_bytes),"
    " record_sha256 = coalesce(moved.record_sha256, messages.record_sha256)"
    f" FROM {ROWS} AS moved (id, state, reason, record, record_bytes, record_sha256) WHERE messages.id = moved.id",
    ("text", "text", "text", "text", "bigint", "text"),
)
_DELIVERY_MOVES = Part(
    "UPDATE deliveries SET state = moved.state, waiting_for = moved.waiting_for, reason = moved.reason,"
    " due_at = moved.due_at, attempts = coalesce(moved.attempts, deliveries.attempts),"
    " revision = coalesce(moved.revision, deliveries.revision), batch = coalesce(moved.batch, deliveries.batch),"
    " outbound = coalesce(moved.outbound, deliveries.outbound),"
    f" settled_at = coalesce(moved.settled_at, deliveries.settled_at) FROM {ROWS}"
    " AS moved (id, state, waiting_for, reason, due_at, attempts, revision, batch, outbound, settled_at)"
    " WHERE deliveries.id = moved.id",
    ("text", "text", "text", "text", "float8", "integer", "integer", "text", "bytea", "float8"),
)
_EXCHANGE_MOVES = Part(
    "UPDATE exchanges SET state = moved.state, answer = coalesce(moved.answer, exchanges.answer), why = moved.why,"
    f" ended_at = moved.ended_at, attempts = coalesce(moved.attempts, exchanges.attempts) FROM {ROWS}"
    " AS moved (id, state, answer, why, ended_at, attempts) WHERE exchanges.id = moved.id",
    ("text", "text", "bytea", "text", "float8", "integer"),
)
_REFERENCES = REFERENCE.insert()
_REFERENCES_AGAIN = Part(
    "UPDATE cross_references SET "
    + ", ".join(f"{name} = new.{name}" for name in REFERENCE.columns if name not in {"account", "model", "key"})
    + f" FROM {ROWS} AS new ({REFERENCE.select})"
    " WHERE (cross_references.key, cross_references.account, cross_references.model)"
    " = (new.key, new.account, new.model)",
    tuple(REFERENCE.columns.values()),
)
_REFERENCES_GONE = Part(
    f"DELETE FROM cross_references USING {ROWS} AS gone (account, model, key)"
    " WHERE (cross_references.key, cross_references.account, cross_references.model)"
    " = (gone.key, gone.account, gone.model)",
    ("text", "text", "text"),
)
_POSITIONS = insert(
    "lanes",
    {
        **_LANE_KEY,
        "position": "bigint",
        "fence": "bigint",
        "worker": "text",
        "until": "double precision",
    },
    "ON CONFLICT (reader, stream, partition) DO UPDATE SET position = excluded.position",
)
_CELL = {"name": "text", "version": "bigint", "value": "bytea"}
_CELLS = insert("cells", _CELL)
_CELLS_AGAIN = Part(
    f"UPDATE cells SET version = new.version, value = new.value FROM {ROWS} AS new (name, version, value)"
    " WHERE cells.name = new.name",
    tuple(_CELL.values()),
)
_CELLS_GONE = Part(f"DELETE FROM cells USING {ROWS} AS gone (name) WHERE cells.name = gone.name", ("text",))
COUNTS = insert(
    "counts",
    {"scope": "text", "name": "text", "amount": "bigint", "slot": "smallint"},
    "ON CONFLICT (scope, name, slot) DO UPDATE SET amount = counts.amount + excluded.amount",
)
TALLIES = insert(
    "tallies",
    {"kind": "text", "name": "text", "state": "text", "amount": "bigint", "slot": "smallint"},
    "ON CONFLICT (kind, name, state, slot) DO UPDATE SET amount = tallies.amount + excluded.amount",
)
_HEADS = Part(
    f"INSERT INTO heads (stream, partition, number) SELECT * FROM {ROWS} AS wish WHERE {THROUGH}"
    " ON CONFLICT (stream, partition) DO UPDATE SET number = heads.number + excluded.number"
    " RETURNING stream, partition, number",
    ("text", "smallint", "bigint"),
)
"""From here to the commit no other worker appends to these partitions."""


@dataclass(frozen=True, slots=True)
class There:
    """What was in the store before the batch was decided: it is changed; the rest is inserted, and whoever inserts
    second collides."""

    references: Collection[ReferenceKey]
    cells: Collection[str]

    @classmethod
    def of(cls, facts: Facts) -> There:
        return cls(frozenset(facts.references), frozenset(facts.cells))


async def write(connection: Any, changes: Changes, there: There, now: float, slot: int) -> Mapping[Head, int]:
    """Within the open transaction. `now` dates what has no instant of its own: payloads and Work ids. Returns what is
    to be added to the numbers of messages and events, which count from 1 in the batch."""
    heads = changes.heads
    taken = await run_together(
        connection,
        (*_new(changes, await _fresh_payloads(connection, changes.payloads, now), now), *_state(changes, there, slot)),
        (_HEADS, sorted((*head, amount) for head, amount in heads.items())),
        ((_MESSAGES, _messages(changes)), (_EVENTS, _events(changes))),
    )
    return {(stream, partition): number - heads[stream, partition] for stream, partition, number in taken}


async def _fresh_payloads(connection: Any, payloads: Mapping[str, Payload], now: float) -> list[Row]:
    """The first one of an id is kept whole: only one of several chunks could be added to another."""
    there: set[str] = set()
    if any(len(payload.data) > CHUNK_BYTES for payload in payloads.values()):
        query = "SELECT id FROM payloads WHERE chunk = 0 AND id = ANY($1::text[])"
        there = {row[0] for row in await connection.fetch(query, list(payloads))}
    return [
        (identity, chunk, now, payload.data[start : start + CHUNK_BYTES])
        for identity, payload in sorted(payloads.items())
        if identity not in there
        for chunk, start in enumerate(range(0, max(len(payload.data), 1), CHUNK_BYTES))
    ]


def _new(changes: Changes, payloads: list[Row], now: float) -> Iterator[Rows]:
    yield _WORKS, sorted((work_id, now) for work_id in changes.works)
    yield _PAYLOADS, payloads
    yield _ARRIVALS, sorted(map(ARRIVAL.row, changes.arrivals.values()))
    yield _ENTITIES, sorted(map(ENTITY.row, changes.entities.values()))
    yield _DELIVERIES, map(DELIVERY.row, _deliveries(changes))
    yield _EXCHANGES, map(EXCHANGE.row, _exchanges(changes))
    yield _EFFECTS, map(EFFECT.row, changes.effects.values())
    yield _ATTEMPTS, map(ATTEMPT.row, changes.attempts.values())
    yield _MESSAGE_MOVES, _message_moves(changes)
    yield _DELIVERY_MOVES, _delivery_moves(changes)
    yield _EXCHANGE_MOVES, _exchange_moves(changes)


def _state(changes: Changes, there: There, slot: int) -> Iterator[Rows]:
    # Unique remote ids are checked at the commit: two entities may trade theirs within it.
    nameless = list(REFERENCE.columns).index("remote_id")
    rows: dict[bool, list[Row]] = {True: [], False: []}
    for key, reference in sorted(changes.references.items(), key=lambda item: item[0]):
        if reference is not None:
            row = REFERENCE.row(reference)
            rows[key in there.references].append((*row[:nameless], row[nameless] or None, *row[nameless + 1 :]))
    yield _REFERENCES_GONE, sorted(key for key, reference in changes.references.items() if reference is None)
    yield _REFERENCES_AGAIN, rows[True]
    yield _REFERENCES, rows[False]
    cells = sorted(changes.cells.items())
    written = [(name, *cell) for name, cell in cells if cell is not None]
    yield _CELLS_GONE, [(name,) for name, cell in cells if cell is None]
    yield _CELLS_AGAIN, [row for row in written if row[0] in there.cells]
    yield _CELLS, [row for row in written if row[0] not in there.cells]
    lanes = sorted((lane.reader, lane.stream, lane.partition, at) for lane, at in changes.positions.items())
    yield _POSITIONS, ((*row, 0, "", 0.0) for row in lanes)
    yield COUNTS, sorted((*key, amount, slot) for key, amount in changes.counts.items())
    sums = sorted((kind, name, str(state), amount, slot) for (kind, name, state), amount in changes.tallies.items())
    yield TALLIES, [row for row in sums if row[3]]


# --- rows; what moved in the batch that made it is written as it is afterwards ----------------------------------------


def _messages(changes: Changes) -> list[Row]:
    rows = []
    for message, partition, number in changes.messages.values():
        state, reason, ref = changes.message_moves.get(message.id, (message.state, message.reason, None))
        back = number - changes.heads[message.stream, partition]
        row = MESSAGE.row(replace(message, number=back, state=state, reason=reason))
        rows.append((*row, message.stream, partition, *_record(ref)))
    return sorted(rows, key=_first)


def _events(changes: Changes) -> list[Row]:
    rows = [
        (*EVENT.row(replace(event, number=number - changes.heads[STREAM, partition])), partition)
        for event, partition, number in changes.events.values()
    ]
    return sorted(rows, key=_first)


def _first(row: Row) -> str:
    return str(row[0])


def _record(ref: PayloadRef | None) -> Row:
    return (ref.id, ref.size_bytes, ref.sha256) if ref else (None, None, None)


def _deliveries(changes: Changes) -> Iterator[Delivery]:
    for delivery in changes.deliveries.values():
        move = changes.delivery_moves.get(delivery.id)
        yield delivery if move is None else replace(delivery, state=move.after, **_given(move, _DELIVERY_FIELDS))


def _exchanges(changes: Changes) -> Iterator[Exchange]:
    for exchange in changes.exchanges.values():
        move = changes.exchange_moves.get(exchange.id)
        yield exchange if move is None else replace(exchange, state=move.after, **_given(move, _EXCHANGE_FIELDS))


_ALWAYS = {"waiting_for"}
"""set by a move also to None"""
_DELIVERY_FIELDS = tuple(name for name in DeliveryMove.__struct_fields__ if name in Delivery.__struct_fields__)
_EXCHANGE_FIELDS = tuple(name for name in ExchangeMove.__struct_fields__ if name in Exchange.__struct_fields__)


def _given(move: DeliveryMove | ExchangeMove, names: Iterable[str]) -> dict[str, Any]:
    """What the move sets."""
    values = {name: getattr(move, name) for name in names}
    return {name: value for name, value in values.items() if value is not None or name in _ALWAYS}


def _message_moves(changes: Changes) -> Iterator[Row]:
    for identity, (state, reason, ref) in changes.message_moves.items():
        if identity not in changes.messages:
            yield (identity, state, reason, *_record(ref))


def _delivery_moves(changes: Changes) -> Iterator[Row]:
    for move in changes.delivery_moves.values():
        if move.id not in changes.deliveries:
            yield (
                move.id,
                move.after,
                move.waiting_for,
                move.reason,
                move.due_at,
                move.attempts,
                move.revision,
                move.batch,
                move.outbound,
                move.settled_at,
            )


def _exchange_moves(changes: Changes) -> Iterator[Row]:
    for move in changes.exchange_moves.values():
        if move.id not in changes.exchanges:
            yield (move.id, move.after, move.answer, move.why, move.ended_at, move.attempts)
