"""A decided batch, written: appends, then moves, then the heads."""

# Only constants of this package are written into SQL; what comes from outside is bound.
# ruff: noqa: S608

from __future__ import annotations

import apsw

from crossdock.core import crash
from crossdock.core.event import STREAM
from crossdock.core.wire import PayloadRef
from crossdock.stores.batch import Changes
from crossdock.stores.sqlite import rows
from crossdock.stores.sqlite.bulk import Bulk, Lookup, answer
from crossdock.stores.sqlite.rows import EVENTS_CODE, packed, place, stage_of

CHUNK_BYTES = 1 << 20


def _append(table: str, columns: str) -> Bulk:
    return Bulk(
        f"INSERT INTO {table} ({columns}) VALUES {{rows}} ON CONFLICT DO NOTHING",
        columns.count(",") + 1,
    )


_WORKS = _append("works", "id, applied_at")
_STREAMS = _append("streams", "code, name")
_PAYLOADS = _append("payloads", "id, chunk, added_at, data")
_ARRIVALS = _append("arrivals", rows.ARRIVAL)
_MESSAGES = _append("messages", rows.MESSAGE)
_EVENTS = _append("events", rows.EVENT)
_DELIVERIES = _append("deliveries", rows.DELIVERY_ROW)
_EXCHANGES = _append("exchanges", rows.EXCHANGE)
_EFFECTS = _append("effects", rows.EFFECT)
_ATTEMPTS = _append("attempts", rows.ATTEMPT)

_PAYLOAD_THERE = Lookup("chunk", "FROM payloads WHERE id IN ({rows}) AND chunk = 0")

_ENTITIES = Bulk(
    "INSERT INTO entities (key, account, model, version, event) VALUES {rows} ON CONFLICT DO UPDATE"
    " SET version = excluded.version, event = excluded.event WHERE excluded.version >= version",
    5,
)
_MESSAGE_MOVES = Bulk(
    "UPDATE messages SET state = column2, reason = column3, record = ifnull(column4, record),"
    " record_bytes = ifnull(column5, record_bytes), record_sha256 = ifnull(column6, record_sha256)"
    " FROM (VALUES {rows}) WHERE id = column1",
    6,
)
_MOVE = (
    "UPDATE deliveries SET state = column2, waiting_for = column3, reason = column4, due_at = column5,"
    " attempts = ifnull(column6, attempts), revision = ifnull(column7, revision),"
    " outbound = ifnull(column8, outbound), settled_at = ifnull(column9, settled_at){more}"
    " FROM (VALUES {{rows}}) WHERE id = column1"
)
_DELIVERY_MOVES = Bulk(_MOVE.format(more=""), 9)
"""those that change no indexed column"""
_DELIVERY_TURNS = Bulk(_MOVE.format(more=", stage = column10, batch = ifnull(column11, batch)"), 11)
_EXCHANGE_MOVES = Bulk(
    "UPDATE exchanges SET state = column2, answer = ifnull(column3, answer), why = column4, ended_at = column5,"
    " attempts = ifnull(column6, attempts) FROM (VALUES {rows}) WHERE id = column1",
    6,
)
_REFERENCES_GONE = Bulk(
    "DELETE FROM cross_references WHERE (key, account, model) IN (VALUES {rows})",
    3,
)
_REFERENCES = Bulk(
    f"INSERT INTO cross_references ({rows.REFERENCE}) VALUES {{rows}} ON CONFLICT (key, account, model) DO UPDATE"
    " SET state = excluded.state, remote_id = excluded.remote_id, effect = excluded.effect,"
    " version = excluded.version, fingerprint = excluded.fingerprint, moved_to = excluded.moved_to,"
    " trail = excluded.trail, updated_at = excluded.updated_at",
    11,
)
_POSITIONS = Bulk(
    "INSERT INTO lanes (reader, stream, partition, position, fence, worker, until) VALUES {rows}"
    " ON CONFLICT DO UPDATE SET position = excluded.position",
    7,
)
_CELLS_GONE = Bulk("DELETE FROM cells WHERE name IN (VALUES {rows})", 1)
_CELLS = Bulk(
    "INSERT INTO cells (name, version, value) VALUES {rows} ON CONFLICT DO UPDATE"
    " SET version = excluded.version, value = excluded.value",
    3,
)
COUNTS = Bulk(
    "INSERT INTO counts (scope, name, amount) VALUES {rows} ON CONFLICT DO UPDATE"
    " SET amount = amount + excluded.amount",
    3,
)
TALLIES = Bulk(
    "INSERT INTO tallies (kind, name, state, amount) VALUES {rows} ON CONFLICT DO UPDATE"
    " SET amount = amount + excluded.amount",
    4,
)
_HEADS = Bulk(
    "INSERT INTO heads (stream, partition, number) VALUES {rows} ON CONFLICT DO UPDATE SET number = excluded.number", 3
)


def write(cursor: apsw.Cursor, changes: Changes, streams: dict[str, int], now: float) -> None:
    """Within the open transaction. `streams` is the writer's memory of stream codes; new ones are added to it.
    `now` dates what has no instant of its own: payloads and Work ids."""
    _write_streams(cursor, changes, streams)
    _write_appends(cursor, changes, streams, now)
    _write_moves(cursor, changes)
    _write_references(cursor, changes)
    _write_state(cursor, changes)
    heads = sorted((streams[name], partition, number) for (name, partition), number in changes.heads.items())
    _HEADS.run(cursor, heads)


def _write_streams(cursor: apsw.Cursor, changes: Changes, streams: dict[str, int]) -> None:
    new: list[tuple[int, str]] = []
    for name, _ in changes.heads:
        if name not in streams:
            streams[name] = EVENTS_CODE if name == STREAM else max(streams.values(), default=0) + 1
            new.append((streams[name], name))
    _STREAMS.run(cursor, new)


def _write_appends(cursor: apsw.Cursor, changes: Changes, streams: dict[str, int], now: float) -> None:
    for payload in changes.payloads.values():
        if len(payload.data) > CHUNK_BYTES:
            _write_chunks(cursor, payload.ref.id, payload.data, now)
            crash.at("blob.written")
    whole = [
        (packed(payload.ref.id), 0, now, payload.data)
        for payload in changes.payloads.values()
        if len(payload.data) <= CHUNK_BYTES
    ]
    _PAYLOADS.run(cursor, whole)
    _ARRIVALS.run(cursor, [rows.arrival_row(arrival) for arrival in changes.arrivals.values()])
    messages = [
        rows.message_row(message, place(streams[message.stream], partition, number))
        for message, partition, number in changes.messages.values()
    ]
    _MESSAGES.run(cursor, messages)
    events = [
        rows.event_row(event, place(EVENTS_CODE, partition, number))
        for event, partition, number in changes.events.values()
    ]
    _EVENTS.run(cursor, events)
    _ENTITIES.run(cursor, [rows.entity_row(entity) for entity in changes.entities.values()])
    _DELIVERIES.run(cursor, [rows.delivery_row(delivery) for delivery in changes.deliveries.values()])
    _EXCHANGES.run(cursor, [rows.exchange_row(exchange) for exchange in changes.exchanges.values()])
    _EFFECTS.run(cursor, [rows.effect_row(effect) for effect in changes.effects.values()])
    _ATTEMPTS.run(cursor, [rows.attempt_row(attempt) for attempt in changes.attempts.values()])
    _WORKS.run(cursor, [(packed(work_id), int(now)) for work_id in changes.works])


def _write_chunks(cursor: apsw.Cursor, identity: str, data: bytes, now: float) -> None:
    if answer(cursor, [(_PAYLOAD_THERE, [packed(identity)])])[0]:
        return  # the first one is kept whole
    view = memoryview(data)
    for chunk, start in enumerate(range(0, len(data), CHUNK_BYTES)):
        _PAYLOADS.run(cursor, [(packed(identity), chunk, now, view[start : start + CHUNK_BYTES])])


def _write_moves(cursor: apsw.Cursor, changes: Changes) -> None:
    _MESSAGE_MOVES.run(
        cursor,
        [
            (packed(identity), state, reason, *_record(record))
            for identity, (state, reason, record) in changes.message_moves.items()
        ],
    )
    moves: list[rows.Row] = []
    turns: list[rows.Row] = []
    for move in changes.delivery_moves.values():
        row = (
            packed(move.id), move.after, move.waiting_for, move.reason, move.due_at, move.attempts, move.revision,
            move.outbound, move.settled_at,
        )  # fmt: skip
        stage = stage_of(move.after)
        if move.batch is None and stage == stage_of(move.before):
            moves.append(row)
        else:
            turns.append((*row, stage, None if move.batch is None else packed(move.batch)))
    _DELIVERY_MOVES.run(cursor, moves)
    _DELIVERY_TURNS.run(cursor, turns)
    _EXCHANGE_MOVES.run(
        cursor,
        [
            (packed(move.id), move.after, move.answer, move.why, move.ended_at, move.attempts)
            for move in changes.exchange_moves.values()
        ],
    )


def _record(ref: PayloadRef | None) -> rows.Row:
    return (None, None, None) if ref is None else (packed(ref.id), ref.size_bytes, packed(ref.sha256))


def _write_references(cursor: apsw.Cursor, changes: Changes) -> None:
    # Two entities may trade remote ids within one batch: what gave one up goes first, so no order of rows is wrong.
    gone = [key for key, reference in changes.references.items() if reference is None or key in changes.gave_up]
    _REFERENCES_GONE.run(cursor, [(key, account, model) for account, model, key in gone])
    _REFERENCES.run(
        cursor, [rows.reference_row(reference) for reference in changes.references.values() if reference is not None]
    )


def _write_state(cursor: apsw.Cursor, changes: Changes) -> None:
    _POSITIONS.run(
        cursor,
        [(lane.reader, lane.stream, lane.partition, number, 0, "", 0.0) for lane, number in changes.positions.items()],
    )
    _CELLS_GONE.run(cursor, [(name,) for name, cell in changes.cells.items() if cell is None])
    _CELLS.run(cursor, [(name, *cell) for name, cell in changes.cells.items() if cell is not None])
    COUNTS.run(cursor, [(*key, amount) for key, amount in changes.counts.items()])
    TALLIES.run(cursor, [(*key, amount) for key, amount in changes.tallies.items() if amount])
