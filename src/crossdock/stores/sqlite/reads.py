"""The named queries, each a function of a cursor. What is listed is found by an index or by the table's own order."""

# Only constants of this package are written into SQL; what comes from outside is bound.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import apsw

from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange
from crossdock.core.event import STREAM, Event
from crossdock.core.ids import PARTITIONS, partition_of
from crossdock.core.lanes import Lane
from crossdock.core.message import Arrival, Message
from crossdock.core.states import SETTLED, DeliveryState, MessageState, WaitingFor
from crossdock.core.store import Cell
from crossdock.core.wire import PayloadRef
from crossdock.core.work import Entity
from crossdock.core.xref import CrossReference, LinkState
from crossdock.stores.sqlite import rows
from crossdock.stores.sqlite.rows import EVENTS_CODE, NUMBER_BITS, packed, place, unpacked

_AT_ONCE = 500
"""Identities in one statement"""
_UNSETTLED = "stage < 2"
"""Word for word the condition of the index `deliveries_unsettled`, so that SQLite sees that it serves."""
_FOR_A_PERSON = "stage = 1"


def _parts(ids: Iterable[str]) -> Iterator[tuple[str, list[bytes | str]]]:
    """`?,?,…` and the packed identities, some hundreds at a time, each once."""
    keys = [packed(identity) for identity in dict.fromkeys(ids)]
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        yield ",".join("?" * len(part)), part


def applied(cursor: apsw.Cursor, work_id: str) -> bool:
    return cursor.execute("SELECT 1 FROM works WHERE id = ?", (packed(work_id),)).fetchone() is not None


# --- streams ----------------------------------------------------------------------------------------------------


def stream_code(cursor: apsw.Cursor, stream: str) -> int | None:
    row = cursor.execute("SELECT code FROM streams WHERE name = ?", (stream,)).fetchone()
    return None if row is None else int(row[0])


def heads(cursor: apsw.Cursor, stream: str) -> list[int]:
    found = [0] * PARTITIONS
    query = "SELECT partition, number FROM heads JOIN streams ON stream = code WHERE name = ?"
    for partition, number in cursor.execute(query, (stream,)):
        found[partition] = number
    return found


def positions(cursor: apsw.Cursor, reader: str, stream: str) -> list[int]:
    found = [0] * PARTITIONS
    query = "SELECT partition, position FROM lanes WHERE reader = ? AND stream = ?"
    for partition, position in cursor.execute(query, (reader, stream)):
        found[partition] = position
    return found


def read(cursor: apsw.Cursor, after: Mapping[Lane, int], limit: int) -> list[Message] | list[Event]:
    """Lanes with little to read leave their share to the others, so that none starves behind a long one."""
    streams = {lane.stream for lane in after}
    if len(streams) != 1:
        if not streams:
            return []
        raise ValueError("the lanes of one read share one stream")
    stream = streams.pop()
    code = stream_code(cursor, stream)
    if code is None:
        return []
    last = heads(cursor, stream)
    waiting = {lane.partition: (number, last[lane.partition]) for lane, number in after.items()}
    share = shares({partition: max(head - number, 0) for partition, (number, head) in waiting.items()}, limit)
    columns, table, of = (
        (rows.EVENT, "events", rows.event_of) if stream == STREAM else (rows.MESSAGE, "messages", rows.message_of)
    )
    query = f"SELECT {columns} FROM {table} WHERE place > ? AND place <= ? ORDER BY place LIMIT ?"
    found: list[Message | Event] = []
    for partition, amount in share.items():
        number, head = waiting[partition]
        start, end = place(code, partition, number), place(code, partition, head)
        found.extend(of(row) for row in cursor.execute(query, (start, end, amount)))
    return found  # type: ignore[return-value]


def shares(waiting: Mapping[int, int], limit: int) -> dict[int, int]:
    """Divides `limit` rows over the partitions by what each has waiting, the shortest first; none gets 0."""
    share: dict[int, int] = {}
    hungry = sorted((amount, partition) for partition, amount in waiting.items() if amount > 0)
    left = limit
    for index, (amount, partition) in enumerate(hungry):
        fair = -(-left // (len(hungry) - index))
        taken = min(amount, fair, left)
        if taken:
            share[partition] = taken
        left -= taken
    return dict(sorted(share.items()))


def payloads(cursor: apsw.Cursor, refs: Iterable[PayloadRef]) -> dict[str, bytes]:
    chunks: dict[str, list[bytes]] = {}
    for marks, keys in _parts(ref.id for ref in refs):
        for identity, data in cursor.execute(
            f"SELECT id, data FROM payloads WHERE id IN ({marks}) ORDER BY id, chunk", keys
        ):
            chunks.setdefault(unpacked(identity), []).append(data)
    return {identity: parts[0] if len(parts) == 1 else b"".join(parts) for identity, parts in chunks.items()}


# --- messages and events ----------------------------------------------------------------------------------------


def arrival(cursor: apsw.Cursor, arrival_id: str) -> Arrival | None:
    row = cursor.execute(f"SELECT {rows.ARRIVAL} FROM arrivals WHERE id = ?", (packed(arrival_id),)).fetchone()
    return None if row is None else rows.arrival_of(row)


def record(cursor: apsw.Cursor, message_id: str) -> PayloadRef | None:
    query = "SELECT record, record_bytes, record_sha256 FROM messages WHERE id = ?"
    row = cursor.execute(query, (packed(message_id),)).fetchone()
    return None if row is None else rows.record_of(row)


def messages(
    cursor: apsw.Cursor, ids: Sequence[str], connection: str, state: MessageState | None, reason: str, limit: int
) -> list[Message]:
    if ids:
        found = [
            rows.message_of(row)
            for marks, keys in _parts(ids)
            for row in cursor.execute(f"SELECT {rows.MESSAGE} FROM messages WHERE id IN ({marks})", keys)
        ]
        kept = [
            message
            for message in found
            if (not connection or message.connection == connection) and state in (None, message.state)
        ]
        order = {identity: index for index, identity in enumerate(ids)}
        return sorted(kept, key=lambda message: order[message.id])[:limit]
    query = "SELECT name, code FROM streams WHERE code <> ?"
    wanted = f"inbox/{connection}" if connection else ""
    inboxes = [code for name, code in cursor.execute(query, (EVENTS_CODE,)) if wanted in ("", name)]
    if state in (None, MessageState.NORMALISED):
        newest = [message for code in inboxes for message in _newest(cursor, code, state, limit)]
    else:
        condition = "state = :state AND state <> 'normalised'"
        if connection:
            condition += " AND connection = :connection"
        if reason:
            condition += " AND substr(reason, 1, length(:reason)) = :reason"
        query = f"SELECT {rows.MESSAGE} FROM messages WHERE {condition} ORDER BY received_at DESC LIMIT :limit"
        values = {"state": state, "connection": connection, "reason": reason, "limit": limit}
        newest = [rows.message_of(row) for row in cursor.execute(query, values)]
    newest.sort(key=lambda message: (message.received_at, message.number), reverse=True)
    return newest[:limit]


def _newest(cursor: apsw.Cursor, code: int, state: MessageState | None, limit: int) -> Iterator[Message]:
    """The newest of each partition of an inbox, which hold the newest of all."""
    condition = "" if state is None else "AND state = 'normalised' "
    query = f"SELECT {rows.MESSAGE} FROM messages WHERE place > ? AND place < ? {condition}ORDER BY place DESC LIMIT ?"
    for partition in range(PARTITIONS):
        span = (place(code, partition, 0), place(code, partition + 1, 0))
        yield from (rows.message_of(row) for row in cursor.execute(query, (*span, limit)))


def events(cursor: apsw.Cursor, ids: Sequence[str], key: str, limit: int) -> list[Event]:
    if ids:
        found = [
            rows.event_of(row)
            for marks, keys in _parts(ids)
            for row in cursor.execute(f"SELECT {rows.EVENT} FROM events WHERE id IN ({marks})", keys)
        ]
        order = {identity: index for index, identity in enumerate(ids)}
        kept = [event for event in found if not key or key in (event.key, event.partitionkey)]
        return sorted(kept, key=lambda event: order[event.id])[:limit]
    query = (
        f"SELECT {rows.EVENT} FROM events WHERE partitionkey = ?1 OR (key = ?1 AND key <> partitionkey)"
        " ORDER BY appended_at, place LIMIT ?2"
    )
    return [rows.event_of(row) for row in cursor.execute(query, (key, limit))]


def entities(cursor: apsw.Cursor, keys: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], Entity]:
    query = f"SELECT {rows.ENTITY} FROM entities WHERE account = ? AND model = ? AND key = ?"
    found: dict[tuple[str, str, str], Entity] = {}
    for key in dict.fromkeys(keys):
        row = cursor.execute(query, key).fetchone()
        if row is not None:
            found[key] = rows.entity_of(row)
    return found


# --- deliveries -------------------------------------------------------------------------------------------------


def deliveries(
    cursor: apsw.Cursor,
    ids: Sequence[str],
    event_ids: Sequence[str],
    flow: str,
    states: Iterable[DeliveryState],
    waiting_for: WaitingFor | None,
    partitionkey: str,
    limit: int,
    partitions: Collection[int] | None = None,
) -> list[Delivery]:
    conditions: list[str] = []
    values: list[str | bytes | int] = []
    allowed = frozenset(states)
    if allowed:
        # The index's own condition beside the exact one: SQLite then knows that the index holds all that is asked.
        if allowed <= {DeliveryState.HELD, DeliveryState.DEAD}:
            conditions.append(_FOR_A_PERSON)
        elif not allowed & SETTLED:
            conditions.append(_UNSETTLED)
        conditions.append(f"state IN ({','.join('?' * len(allowed))})")
        values += sorted(allowed)
    for column, wish in (("flow", flow), ("waiting_for", waiting_for), ("partitionkey", partitionkey)):
        if wish:
            conditions.append(f"{column} = ?")
            values.append(wish)
    if partitionkey and not (ids or event_ids):
        # No index holds settled rows by key: they stand where its events stand.
        start = place(EVENTS_CODE, partition_of(partitionkey), 0)
        conditions.append("(place > ? AND place < ?)")
        values += [start, start + (1 << NUMBER_BITS)]
    if partitions is not None:
        conditions.append(_among(partitions))
    found: list[Delivery] = []
    for condition, keys in _named(cursor, ids, event_ids):
        where = " AND ".join([*condition, *conditions]) or "true"
        query = f"SELECT {rows.DELIVERY} FROM deliveries WHERE {where} ORDER BY place, seq LIMIT ?"
        found += [rows.delivery_of(row) for row in cursor.execute(query, [*keys, *values, limit])]
    found.sort(key=lambda delivery: (delivery.partition, delivery.number))
    return found[:limit]


def _among(partitions: Collection[int] | None) -> str:
    """That a place lies in one of these partitions; None: in any."""
    if partitions is None:
        return "true"
    return f"(place >> {NUMBER_BITS}) & {PARTITIONS - 1} IN ({','.join(str(int(one)) for one in partitions)})"


def _named(
    cursor: apsw.Cursor, ids: Sequence[str], event_ids: Sequence[str]
) -> Iterator[tuple[list[str], list[bytes | str | int]]]:
    """The conditions that pick by id, by event, by both, or by neither; some hundreds at a time."""
    if ids:
        events_wanted = {packed(identity) for identity in event_ids}
        among = [f"event IN ({','.join('?' * len(events_wanted))})"] if events_wanted else []
        for marks, keys in _parts(ids):
            yield [f"id IN ({marks})", *among], [*keys, *events_wanted]
    elif event_ids:
        for marks, keys in _parts(event_ids):
            places = [at for (at,) in cursor.execute(f"SELECT place FROM events WHERE id IN ({marks})", keys)]
            if places:
                yield [f"place IN ({','.join('?' * len(places))})", f"event IN ({marks})"], [*places, *keys]
    else:
        yield [], []


def _to_do(past_dead: bool) -> str:
    return f"{_UNSETTLED} AND state <> 'dead'" if past_dead else _UNSETTLED


def next_of_key(
    cursor: apsw.Cursor, flow: str, partitionkey: str, after_number: int, past_dead: bool = False
) -> Delivery | None:
    query = (
        f"SELECT {rows.DELIVERY} FROM deliveries WHERE {_to_do(past_dead)} AND flow = ? AND partitionkey = ?"
        " AND place > ?"
        " ORDER BY place, seq LIMIT 1"
    )
    start = place(EVENTS_CODE, partition_of(partitionkey), after_number)
    row = cursor.execute(query, (flow, partitionkey, start)).fetchone()
    return None if row is None else rows.delivery_of(row)


def heads_of_keys(
    cursor: apsw.Cursor,
    flow: str,
    limit: int,
    partitions: Collection[int] | None = None,
    past_dead: bool = False,
) -> list[Delivery]:
    # `seq` is that of the row with the smallest place: SQLite's rule for a bare column beside min().
    query = (
        f"SELECT {rows.DELIVERY} FROM deliveries WHERE seq IN (SELECT seq FROM"
        f" (SELECT seq, min(place) FROM deliveries WHERE {_to_do(past_dead)} AND flow = ? AND {_among(partitions)}"
        "   GROUP BY partitionkey)"
        " ORDER BY seq LIMIT ?) ORDER BY seq"
    )
    return [rows.delivery_of(row) for row in cursor.execute(query, (flow, limit))]


def keys_under_way(cursor: apsw.Cursor, flow: str, keys: Collection[str]) -> set[str]:
    query = f"SELECT key FROM deliveries WHERE {_UNSETTLED} AND flow = ? AND state IN (?, ?)"
    values = (flow, DeliveryState.SENDING, DeliveryState.RESOLVING)
    return {key for (key,) in cursor.execute(query, values)}.intersection(keys)


def oldest_open(cursor: apsw.Cursor, flow: str) -> float | None:
    # Deliveries are appended as they are planned, and the index alone knows the first of those left.
    query = (
        "SELECT planned_at FROM deliveries WHERE seq ="
        f" (SELECT min(seq) FROM deliveries INDEXED BY deliveries_unsettled WHERE {_UNSETTLED} AND flow = ?)"
    )
    row = cursor.execute(query, (flow,)).fetchone()
    return None if row is None else float(row[0])


def exchanges(cursor: apsw.Cursor, batches: Sequence[str]) -> list[Exchange]:
    found: list[tuple[int, Exchange]] = []
    for marks, keys in _parts(batches):
        query = f"SELECT {rows.EXCHANGE}, seq FROM exchanges WHERE batch IN ({marks})"
        found += [(row[-1], rows.exchange_of(row)) for row in cursor.execute(query, keys)]
    return [exchange for _, exchange in sorted(found, key=lambda pair: pair[0])]


def effects(cursor: apsw.Cursor, delivery_ids: Sequence[str]) -> list[Effect]:
    return [
        rows.effect_of(row)
        for marks, keys in _parts(delivery_ids)
        for row in cursor.execute(f"SELECT {rows.EFFECT} FROM effects WHERE delivery IN ({marks})", keys)
    ]


def attempts(cursor: apsw.Cursor, exchange_ids: Sequence[str]) -> list[Attempt]:
    query = "SELECT {} FROM attempts WHERE exchange IN ({}) ORDER BY started_at, number"
    found = [
        rows.attempt_of(row)
        for marks, keys in _parts(exchange_ids)
        for row in cursor.execute(query.format(rows.ATTEMPT, marks), keys)
    ]
    return sorted(found, key=lambda attempt: (attempt.started_at, attempt.number))


# --- cross-references, cells, counts ----------------------------------------------------------------------------


def cross_references(
    cursor: apsw.Cursor, account: str, model: str, keys: Sequence[str], remote_ids: Sequence[str], limit: int
) -> list[CrossReference]:
    conditions = [f"{column} = ?" for column, wish in (("account", account), ("model", model)) if wish]
    values: list[str | int] = [wish for wish in (account, model) if wish]
    for column, wishes in (("key", keys), ("remote_id", remote_ids)):
        if wishes:
            conditions.append(f"{column} IN ({','.join('?' * len(wishes))})")
            values += wishes
    where = " AND ".join(conditions) or "true"
    query = f"SELECT {rows.REFERENCE} FROM cross_references WHERE {where} ORDER BY key, account, model LIMIT ?"
    return [rows.reference_of(row) for row in cursor.execute(query, [*values, limit])]


def claimed_keys(cursor: apsw.Cursor, account: str, model: str, until: float) -> set[str]:
    query = (
        "SELECT key FROM cross_references"
        " WHERE account = ? AND model = ? AND remote_id IS NULL AND state = ? AND updated_at <= ?"
    )
    return {key for (key,) in cursor.execute(query, (account, model, LinkState.CLAIMED, until))}


def cell(cursor: apsw.Cursor, name: str) -> Cell | None:
    row = cursor.execute("SELECT version, value FROM cells WHERE name = ?", (name,)).fetchone()
    return None if row is None else Cell(*row)


def cells(cursor: apsw.Cursor, prefix: str) -> dict[str, Cell]:
    query = "SELECT name, version, value FROM cells WHERE name >= ? ORDER BY name"
    found: dict[str, Cell] = {}
    for name, version, value in cursor.execute(query, (prefix,)):
        if not name.startswith(prefix):
            break
        found[name] = Cell(version, value)
    return found


def counts(cursor: apsw.Cursor) -> dict[tuple[str, str], int]:
    return {(scope, name): amount for scope, name, amount in cursor.execute("SELECT scope, name, amount FROM counts")}


def tallies(cursor: apsw.Cursor) -> dict[tuple[str, str, str], int]:
    query = "SELECT kind, name, state, amount FROM tallies WHERE amount <> 0"
    return {(kind, name, state): amount for kind, name, state, amount in cursor.execute(query)}
