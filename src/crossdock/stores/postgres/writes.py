"""A decided batch, written: appends, then moves, then the heads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from crossdock.core.work import Payload
from crossdock.stores.batch import Changes
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

CHUNK_BYTES = 1 << 20

_WORK = "INSERT INTO works (id, applied_at) VALUES ($1, $2)"
_ENTITY = ENTITY.insert(
    conflict="ON CONFLICT (account, model, key) DO UPDATE SET version = excluded.version, event_id = excluded.event_id"
    " WHERE excluded.version >= entities.version"
)
_MESSAGE_MOVE = (
    "UPDATE messages SET state = $2, reason = $3, record = coalesce($4, record),"
    " record_bytes = coalesce($5, record_bytes), record_sha256 = coalesce($6, record_sha256) WHERE id = $1"
)
_DELIVERY_MOVE = (
    "UPDATE deliveries SET state = $2, waiting_for = $3, reason = $4, due_at = $5, attempts = coalesce($6, attempts),"
    " revision = coalesce($7, revision), batch = coalesce($8, batch), outbound = coalesce($9, outbound),"
    " settled_at = coalesce($10, settled_at) WHERE id = $1"
)
_EXCHANGE_MOVE = (
    "UPDATE exchanges SET state = $2, answer = coalesce($3, answer), why = $4, ended_at = $5,"
    " attempts = coalesce($6, attempts) WHERE id = $1"
)
_REFERENCE_GONE = "DELETE FROM cross_references WHERE account = $1 AND model = $2 AND key = $3"
_REFERENCE = REFERENCE.insert(
    conflict="ON CONFLICT (key, account, model) DO UPDATE SET "
    + ", ".join(
        f"{column} = excluded.{column}" for column in REFERENCE.columns if column not in {"key", "account", "model"}
    )
)
_POSITION = (
    "INSERT INTO lanes (reader, stream, partition, position, fence, worker, until) VALUES ($1, $2, $3, $4, 0, '', 0)"
    " ON CONFLICT (reader, stream, partition) DO UPDATE SET position = excluded.position"
)
_CELL_GONE = "DELETE FROM cells WHERE name = $1"
_CELL = (
    "INSERT INTO cells (name, version, value) VALUES ($1, $2, $3)"
    " ON CONFLICT (name) DO UPDATE SET version = excluded.version, value = excluded.value"
)
COUNT = (
    "INSERT INTO counts (scope, name, amount) VALUES ($1, $2, $3)"
    " ON CONFLICT (scope, name) DO UPDATE SET amount = counts.amount + excluded.amount"
)
TALLY = (
    "INSERT INTO tallies (kind, name, state, amount) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (kind, name, state) DO UPDATE SET amount = tallies.amount + excluded.amount"
)
_HEAD = (
    "INSERT INTO heads (stream, partition, number) VALUES ($1, $2, $3)"
    " ON CONFLICT (stream, partition) DO UPDATE SET number = excluded.number"
)

Row = tuple[Any, ...]


async def write(connection: Any, changes: Changes, now: float) -> None:
    """Within the open transaction. `now` dates what has no instant of its own: payloads and Work ids."""

    async def run(sql: str, rows: Iterable[Row]) -> None:
        values = list(rows)
        if values:
            await connection.executemany(sql, values)

    await run(_WORK, ((work_id, now) for work_id in changes.works))
    for payload in changes.payloads.values():
        await _write_payload(connection, payload, now)
    await run(ARRIVAL.insert(), map(ARRIVAL.row, changes.arrivals.values()))
    await run(
        MESSAGE.insert("stream", "partition"),
        (
            (*MESSAGE.row(replace(message, number=number)), message.stream, partition)
            for message, partition, number in changes.messages.values()
        ),
    )
    await run(
        EVENT.insert("partition"),
        (
            (*EVENT.row(replace(event, number=number)), partition)
            for event, partition, number in changes.events.values()
        ),
    )
    await run(_ENTITY, map(ENTITY.row, changes.entities.values()))
    await run(DELIVERY.insert(), map(DELIVERY.row, changes.deliveries.values()))
    await run(EXCHANGE.insert(), map(EXCHANGE.row, changes.exchanges.values()))
    await run(EFFECT.insert(), map(EFFECT.row, changes.effects.values()))
    await run(ATTEMPT.insert(), map(ATTEMPT.row, changes.attempts.values()))
    for sql, rows in _moves(changes):
        await run(sql, rows)
    for sql, rows in _state(changes):
        await run(sql, rows)
    await run(_HEAD, sorted((*head, number) for head, number in changes.heads.items()))


async def _write_payload(connection: Any, payload: Payload, now: float) -> None:
    if await connection.fetchval("SELECT 1 FROM payloads WHERE id = $1 AND chunk = 0", payload.ref.id):
        return  # the first one is kept whole
    data = payload.data
    await connection.executemany(
        "INSERT INTO payloads (id, chunk, added_at, data) VALUES ($1, $2, $3, $4)",
        [
            (payload.ref.id, chunk, now, data[start : start + CHUNK_BYTES])
            for chunk, start in enumerate(range(0, max(len(data), 1), CHUNK_BYTES))
        ],
    )


def _moves(changes: Changes) -> Iterable[tuple[str, Iterable[Row]]]:
    yield (
        _MESSAGE_MOVE,
        (
            (id_, state, reason, *((ref.id, ref.size_bytes, ref.sha256) if ref else (None, None, None)))
            for id_, (state, reason, ref) in changes.message_moves.items()
        ),
    )
    yield (
        _DELIVERY_MOVE,
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
    yield (
        _EXCHANGE_MOVE,
        (
            (move.id, move.after, move.answer, move.why, move.ended_at, move.attempts)
            for move in changes.exchange_moves.values()
        ),
    )


def _state(changes: Changes) -> Iterable[tuple[str, Iterable[Row]]]:
    yield _REFERENCE_GONE, (key for key, reference in changes.references.items() if reference is None)
    # Unique remote ids are checked at the commit: two entities may trade theirs within it.
    nameless = REFERENCE.columns.index("remote_id")
    written = (REFERENCE.row(reference) for reference in changes.references.values() if reference is not None)
    yield _REFERENCE, ((*row[:nameless], row[nameless] or None, *row[nameless + 1 :]) for row in written)
    yield (
        _POSITION,
        ((lane.reader, lane.stream, lane.partition, number) for lane, number in changes.positions.items()),
    )
    yield _CELL_GONE, ((name,) for name, cell in changes.cells.items() if cell is None)
    yield _CELL, ((name, *cell) for name, cell in changes.cells.items() if cell is not None)
    yield COUNT, ((*key, amount) for key, amount in changes.counts.items())
    yield TALLY, ((*key, amount) for key, amount in changes.tallies.items() if amount)
