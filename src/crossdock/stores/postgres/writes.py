"""A decided batch, written: a statement a table. Every table in the same order, its rows by their keys, so that two
workers wait for one another in one direction only; the heads, which every worker wants, come last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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
    Row,
    columns_of,
    insert,
    unnested,
)

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

_MESSAGE_MOVES = (
    "UPDATE messages SET state = moved.state, reason = moved.reason, record = coalesce(moved.record, messages.record),"
    " record_bytes = coalesce(moved.record_bytes, messages.record_bytes),"
    " record_sha256 = coalesce(moved.record_sha256, messages.record_sha256)"
    f" FROM {unnested(['text', 'text', 'text', 'text', 'bigint', 'text'])}"
    " AS moved (id, state, reason, record, record_bytes, record_sha256) WHERE messages.id = moved.id"
)
_DELIVERY_MOVES = (
    "UPDATE deliveries SET state = moved.state, waiting_for = moved.waiting_for, reason = moved.reason,"
    " due_at = moved.due_at, attempts = coalesce(moved.attempts, deliveries.attempts),"
    " revision = coalesce(moved.revision, deliveries.revision), batch = coalesce(moved.batch, deliveries.batch),"
    " outbound = coalesce(moved.outbound, deliveries.outbound),"
    " settled_at = coalesce(moved.settled_at, deliveries.settled_at) FROM "
    + unnested(
        ["text", "text", "text", "text", "float8", "integer", "integer", "text", "bytea", "float8"],
    )
    + " AS moved (id, state, waiting_for, reason, due_at, attempts, revision, batch, outbound, settled_at)"
    " WHERE deliveries.id = moved.id"
)
_EXCHANGE_MOVES = (
    "UPDATE exchanges SET state = moved.state, answer = coalesce(moved.answer, exchanges.answer), why = moved.why,"
    " ended_at = moved.ended_at, attempts = coalesce(moved.attempts, exchanges.attempts)"
    f" FROM {unnested(['text', 'text', 'bytea', 'text', 'float8', 'integer'])}"
    " AS moved (id, state, answer, why, ended_at, attempts) WHERE exchanges.id = moved.id"
)
_REFERENCES = REFERENCE.insert()
_REFERENCES_AGAIN = (
    "UPDATE cross_references SET "
    + ", ".join(f"{name} = new.{name}" for name in REFERENCE.columns if name not in {"account", "model", "key"})
    + f" FROM {unnested(list(REFERENCE.columns.values()))} AS new ({REFERENCE.select})"
    " WHERE (cross_references.key, cross_references.account, cross_references.model)"
    " = (new.key, new.account, new.model)"
)
_REFERENCES_GONE = (
    f"DELETE FROM cross_references USING {unnested(['text', 'text', 'text'])} AS gone (account, model, key)"
    " WHERE (cross_references.key, cross_references.account, cross_references.model)"
    " = (gone.key, gone.account, gone.model)"
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
_CELLS_AGAIN = (
    f"UPDATE cells SET version = new.version, value = new.value FROM {unnested(list(_CELL.values()))}"
    " AS new (name, version, value) WHERE cells.name = new.name"
)
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
_HEADS = (
    insert(
        "heads",
        {"stream": "text", "partition": "smallint", "number": "bigint"},
        "ON CONFLICT (stream, partition) DO UPDATE SET number = heads.number + excluded.number",
    )
    + " RETURNING stream, partition, number"
)


async def run(connection: Any, sql: str, rows: Iterable[Row]) -> None:
    if columns := columns_of(rows):
        await connection.execute(sql, *columns)


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
    await run(connection, _WORKS, sorted((work_id, now) for work_id in changes.works))
    await _write_payloads(connection, changes.payloads, now)
    await run(connection, _ARRIVALS, sorted(map(ARRIVAL.row, changes.arrivals.values())))
    await run(connection, _ENTITIES, sorted(map(ENTITY.row, changes.entities.values())))
    await run(connection, _DELIVERIES, map(DELIVERY.row, changes.deliveries.values()))
    await run(connection, _EXCHANGES, map(EXCHANGE.row, changes.exchanges.values()))
    await run(connection, _EFFECTS, map(EFFECT.row, changes.effects.values()))
    await run(connection, _ATTEMPTS, map(ATTEMPT.row, changes.attempts.values()))
    await _write_references(connection, changes, there)
    await _write_cells(connection, changes, there)
    await _write_lanes_and_sums(connection, changes, slot)
    await _move(connection, changes)
    offsets = await _write_heads(connection, changes.heads)
    await _append(connection, changes, offsets)
    return offsets


async def _write_payloads(connection: Any, payloads: Mapping[str, Payload], now: float) -> None:
    """The first one of an id is kept whole."""
    if not payloads:
        return
    query = "SELECT id FROM payloads WHERE chunk = 0 AND id = ANY($1::text[])"
    there = {row[0] for row in await connection.fetch(query, list(payloads))}
    rows = [
        (identity, chunk, now, payload.data[start : start + CHUNK_BYTES])
        for identity, payload in sorted(payloads.items())
        if identity not in there
        for chunk, start in enumerate(range(0, max(len(payload.data), 1), CHUNK_BYTES))
    ]
    await run(connection, _PAYLOADS, rows)


async def _write_references(connection: Any, changes: Changes, there: There) -> None:
    # Unique remote ids are checked at the commit: two entities may trade theirs within it.
    nameless = list(REFERENCE.columns).index("remote_id")
    fresh: list[Row] = []
    again: list[Row] = []
    gone: list[Row] = []
    for key, reference in sorted(changes.references.items(), key=lambda item: item[0]):
        if reference is None:
            gone.append(key)
            continue
        row = REFERENCE.row(reference)
        row = (*row[:nameless], row[nameless] or None, *row[nameless + 1 :])
        (again if key in there.references else fresh).append(row)
    await run(connection, _REFERENCES_GONE, gone)
    await run(connection, _REFERENCES_AGAIN, again)
    await run(connection, _REFERENCES, fresh)


async def _write_cells(connection: Any, changes: Changes, there: There) -> None:
    cells = sorted(changes.cells.items())
    gone = [name for name, cell in cells if cell is None]
    if gone:
        await connection.execute("DELETE FROM cells WHERE name = ANY($1::text[])", gone)
    written = [(name, *cell) for name, cell in cells if cell is not None]
    await run(connection, _CELLS_AGAIN, [row for row in written if row[0] in there.cells])
    await run(connection, _CELLS, [row for row in written if row[0] not in there.cells])


async def _write_lanes_and_sums(connection: Any, changes: Changes, slot: int) -> None:
    lanes = sorted((lane.reader, lane.stream, lane.partition, at) for lane, at in changes.positions.items())
    await run(connection, _POSITIONS, ((*row, 0, "", 0.0) for row in lanes))
    await run(connection, COUNTS, sorted((*key, amount, slot) for key, amount in changes.counts.items()))
    sums = sorted((kind, name, str(state), amount, slot) for (kind, name, state), amount in changes.tallies.items())
    await run(connection, TALLIES, [row for row in sums if row[3]])


async def _write_heads(connection: Any, heads: Mapping[Head, int]) -> Mapping[Head, int]:
    """Takes the numbers. From here to the commit no other worker appends to these partitions."""
    if not heads:
        return {}
    rows = columns_of(sorted((*head, amount) for head, amount in heads.items()))
    taken = await connection.fetch(_HEADS, *rows)
    return {(stream, partition): number - heads[stream, partition] for stream, partition, number in taken}


async def _append(connection: Any, changes: Changes, offsets: Mapping[Head, int]) -> None:
    """Messages and events, under their numbers."""
    messages = [
        (*MESSAGE.row(replace(message, number=offsets[message.stream, partition] + number)), message.stream, partition)
        for message, partition, number in changes.messages.values()
    ]
    await run(connection, _MESSAGES, sorted(messages, key=_first))
    await run(connection, _MESSAGE_MOVES, _message_moves(changes, fresh=True))
    events = [
        (*EVENT.row(replace(event, number=offsets[STREAM, partition] + number)), partition)
        for event, partition, number in changes.events.values()
    ]
    await run(connection, _EVENTS, sorted(events, key=_first))


def _first(row: Row) -> str:
    return str(row[0])


def _message_moves(changes: Changes, *, fresh: bool) -> Iterable[Row]:
    """Of those appended in the same batch, or of the others."""
    for id_, (state, reason, ref) in changes.message_moves.items():
        if (id_ in changes.messages) is fresh:
            yield (id_, state, reason, *((ref.id, ref.size_bytes, ref.sha256) if ref else (None, None, None)))


async def _move(connection: Any, changes: Changes) -> None:
    await run(connection, _MESSAGE_MOVES, _message_moves(changes, fresh=False))
    await run(
        connection,
        _DELIVERY_MOVES,
        (
            (
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
            for move in changes.delivery_moves.values()
        ),
    )
    await run(
        connection,
        _EXCHANGE_MOVES,
        (
            (move.id, move.after, move.answer, move.why, move.ended_at, move.attempts)
            for move in changes.exchange_moves.values()
        ),
    )
