"""A decided batch, written in few round trips: what is new, what moved, the hub's state; then the heads, which every
worker wants, and what takes its numbers from them. Rows go by their keys: two workers wait in one direction only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from crossdock.core.event import STREAM
from crossdock.core.work import Payload
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
from crossdock.stores.postgres.together import ROWS, Part, Row, insert, run

# ruff: noqa: S608

CHUNK_BYTES = 1 << 20
_NOTHING = "ON CONFLICT DO NOTHING"
_LANE_KEY = {"reader": "text", "stream": "text", "partition": "smallint"}

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
_MESSAGES = MESSAGE.insert(stream="text", partition="smallint")
_EVENTS = EVENT.insert(partition="smallint")

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
_HEADS = insert(
    "heads",
    {"stream": "text", "partition": "smallint", "number": "bigint"},
    "ON CONFLICT (stream, partition) DO UPDATE SET number = heads.number + excluded.number"
    " RETURNING stream, partition, number",
)


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
    payloads = await _fresh_payloads(connection, changes.payloads, now)
    await run(
        connection,
        (_WORKS, sorted((work_id, now) for work_id in changes.works)),
        (_PAYLOADS, payloads),
        (_ARRIVALS, sorted(map(ARRIVAL.row, changes.arrivals.values()))),
        (_ENTITIES, sorted(map(ENTITY.row, changes.entities.values()))),
        (_DELIVERIES, map(DELIVERY.row, changes.deliveries.values())),
        (_EXCHANGES, map(EXCHANGE.row, changes.exchanges.values())),
        (_EFFECTS, map(EFFECT.row, changes.effects.values())),
        (_ATTEMPTS, map(ATTEMPT.row, changes.attempts.values())),
    )
    await run(
        connection,
        (_MESSAGE_MOVES, _message_moves(changes, fresh=False)),
        (_DELIVERY_MOVES, _delivery_moves(changes)),
        (_EXCHANGE_MOVES, _exchange_moves(changes)),
        *_state(changes, there, slot),
    )
    offsets = await _take_numbers(connection, changes.heads)
    await run(connection, (_MESSAGES, _messages(changes, offsets)), (_EVENTS, _events(changes, offsets)))
    await run(connection, (_MESSAGE_MOVES, _message_moves(changes, fresh=True)))
    return offsets


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


def _state(changes: Changes, there: There, slot: int) -> Iterator[tuple[Part, Iterable[Row]]]:
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


async def _take_numbers(connection: Any, heads: Mapping[Head, int]) -> Mapping[Head, int]:
    """From here to the commit no other worker appends to these partitions."""
    taken = await run(connection, (_HEADS, sorted((*head, amount) for head, amount in heads.items())))
    return {(stream, partition): number - heads[stream, partition] for stream, partition, number in taken}


def _messages(changes: Changes, offsets: Mapping[Head, int]) -> list[Row]:
    rows = [
        (*MESSAGE.row(replace(message, number=offsets[message.stream, partition] + number)), message.stream, partition)
        for message, partition, number in changes.messages.values()
    ]
    return sorted(rows, key=_first)


def _events(changes: Changes, offsets: Mapping[Head, int]) -> list[Row]:
    rows = [
        (*EVENT.row(replace(event, number=offsets[STREAM, partition] + number)), partition)
        for event, partition, number in changes.events.values()
    ]
    return sorted(rows, key=_first)


def _first(row: Row) -> str:
    return str(row[0])


def _message_moves(changes: Changes, *, fresh: bool) -> Iterator[Row]:
    """Of those appended in the same batch, or of the others."""
    for id_, (state, reason, ref) in changes.message_moves.items():
        if (id_ in changes.messages) is fresh:
            yield (id_, state, reason, *((ref.id, ref.size_bytes, ref.sha256) if ref else (None, None, None)))


def _delivery_moves(changes: Changes) -> Iterator[Row]:
    for move in changes.delivery_moves.values():
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
        yield (move.id, move.after, move.answer, move.why, move.ended_at, move.attempts)
