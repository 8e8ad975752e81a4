"""The named queries. What comes from outside is bound; only names of this package are written into the SQL."""

# Only constants of this package are written into SQL; what comes from outside is bound.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from crossdock.core.delivery import Delivery
from crossdock.core.event import STREAM, Event
from crossdock.core.ids import PARTITIONS, partition_of
from crossdock.core.lanes import Lane
from crossdock.core.message import Message
from crossdock.core.states import DeliveryState, MessageState, WaitingFor
from crossdock.core.store import Cell
from crossdock.core.work import Entity
from crossdock.core.xref import CrossReference, LinkState
from crossdock.stores.postgres.shapes import DELIVERY, ENTITY, EVENT, MESSAGE, REFERENCE

UNSETTLED = "state NOT IN ('delivered', 'superseded', 'discarded')"
"""Word for word the condition of the index `deliveries_unsettled`."""


NOWHERE = -1
"""No partition: among none of them there is nothing."""


class Where:
    """Conditions joined by AND, with the values that they bind."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._conditions: list[str] = []

    def add(self, condition: str, value: Any) -> None:
        """`condition` holds `{}` where the value's place goes. An empty value asks for nothing."""
        if value:
            self.values.append(value)
            self._conditions.append(condition.format(f"${len(self.values)}"))

    def __str__(self) -> str:
        return " AND ".join(self._conditions) or "true"


async def heads(connection: Any, stream: str) -> list[int]:
    return await _by_partition(connection, "SELECT partition, number FROM heads WHERE stream = $1", stream)


async def positions(connection: Any, reader: str, stream: str) -> list[int]:
    query = "SELECT partition, position FROM lanes WHERE reader = $1 AND stream = $2"
    return await _by_partition(connection, query, reader, stream)


async def _by_partition(connection: Any, query: str, *values: str) -> list[int]:
    found = [0] * PARTITIONS
    for partition, number in await connection.fetch(query, *values):
        found[partition] = number
    return found


async def read(connection: Any, after: Mapping[Lane, int], limit: int) -> list[Message] | list[Event]:
    """A fair share of each lane first, then what is left of the limit from the longest."""
    streams = {lane.stream for lane in after}
    if len(streams) != 1:
        if not streams:
            return []
        raise ValueError("the lanes of one read share one stream")
    stream = streams.pop()
    shape: Any = EVENT if stream == STREAM else MESSAGE
    mine = "" if stream == STREAM else "stream = $4 AND "
    query = (
        f"SELECT {shape.select} FROM ("
        f" SELECT *, row_number() OVER (PARTITION BY partition ORDER BY number) AS turn"
        "  FROM unnest($1::smallint[], $2::bigint[]) AS lane (lane, after)"
        f" CROSS JOIN LATERAL (SELECT * FROM {shape.table} WHERE {mine}partition = lane AND number > after"
        "   ORDER BY number LIMIT $3) AS row"
        ") AS rows ORDER BY turn, partition LIMIT $3"
    )
    values: list[Any] = [[lane.partition for lane in after], list(after.values()), limit]
    if stream != STREAM:
        values.append(stream)
    rows: list[Message] | list[Event] = shape.all(await connection.fetch(query, *values))
    rows.sort(key=lambda row: (row.partition, row.number))
    return rows


async def messages(
    connection: Any, ids: Sequence[str], of_connection: str, state: MessageState | None, reason: str, limit: int
) -> list[Message]:
    where = Where()
    where.add("id = ANY({}::text[])", list(ids))
    where.add("connection = {}", of_connection)
    where.add("state = {}", state)
    where.add("starts_with(reason, {})", reason)
    query = (
        f"SELECT {MESSAGE.select} FROM messages WHERE {where} ORDER BY received_at DESC, number DESC LIMIT {limit:d}"
    )
    found = MESSAGE.all(await connection.fetch(query, *where.values))
    return _in_order(found, ids) if ids else found


async def events(connection: Any, ids: Sequence[str], key: str, limit: int) -> list[Event]:
    where = Where()
    where.add("id = ANY({}::text[])", list(ids))
    where.add("(partitionkey = {0} OR (key = {0} AND key <> partitionkey))", key)
    query = f"SELECT {EVENT.select} FROM events WHERE {where} ORDER BY appended_at, partition, number LIMIT {limit:d}"
    found = EVENT.all(await connection.fetch(query, *where.values))
    return _in_order(found, ids) if ids else found


def _in_order(rows: list[Any], ids: Sequence[str]) -> list[Any]:
    order = {identity: index for index, identity in enumerate(ids)}
    return sorted(rows, key=lambda row: order[row.id])


async def entities(connection: Any, keys: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], Entity]:
    columns = [list(column) for column in zip(*dict.fromkeys(keys), strict=True)]
    if not columns:
        return {}
    query = (
        f"SELECT {ENTITY.select} FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (a, b, c)"
        " JOIN entities ON (account, model, key) = (a, b, c)"
    )
    found = ENTITY.all(await connection.fetch(query, *columns))
    return {(entity.account, entity.model, entity.key): entity for entity in found}


async def deliveries(
    connection: Any,
    ids: Sequence[str],
    event_ids: Sequence[str],
    flow: str,
    states: Iterable[DeliveryState],
    waiting_for: WaitingFor | None,
    partitionkey: str,
    partitions: Collection[int] | None,
    limit: int,
) -> list[Delivery]:
    where = Where()
    where.add("id = ANY({}::text[])", list(ids))
    where.add("event_id = ANY({}::text[])", list(event_ids))
    where.add("flow = {}", flow)
    where.add("state = ANY({}::text[])", list(states))
    where.add("waiting_for = {}", waiting_for)
    where.add("partitionkey = {}", partitionkey)
    if partitionkey:
        where.add("partition = {}", partition_of(partitionkey))
    if partitions is not None:
        where.add("partition = ANY({}::smallint[])", [*partitions, NOWHERE])
    query = f"SELECT {DELIVERY.select} FROM deliveries WHERE {where} ORDER BY partition, number, seq LIMIT {limit:d}"
    return DELIVERY.all(await connection.fetch(query, *where.values))


def _to_do(past_dead: bool) -> str:
    return f"{UNSETTLED} AND state <> 'dead'" if past_dead else UNSETTLED


async def next_of_key(
    connection: Any, flow: str, partitionkey: str, after_number: int, past_dead: bool = False
) -> Delivery | None:
    query = (
        f"SELECT {DELIVERY.select} FROM deliveries WHERE {_to_do(past_dead)} AND flow = $1 AND partitionkey = $2"
        " AND number > $3 ORDER BY number, seq LIMIT 1"
    )
    row = await connection.fetchrow(query, flow, partitionkey, after_number)
    return None if row is None else DELIVERY.of(row)


async def heads_of_keys(
    connection: Any,
    flow: str,
    limit: int,
    partitions: Collection[int] | None = None,
    past_dead: bool = False,
) -> list[Delivery]:
    query = (
        f"SELECT {DELIVERY.select} FROM (SELECT DISTINCT ON (partitionkey) * FROM deliveries"
        f" WHERE {_to_do(past_dead)} AND flow = $1 AND ($3::smallint[] IS NULL OR partition = ANY($3))"
        " ORDER BY partitionkey, number, seq) AS head ORDER BY seq LIMIT $2"
    )
    rows = await connection.fetch(query, flow, limit, None if partitions is None else list(partitions))
    return DELIVERY.all(rows)


async def keys_under_way(connection: Any, flow: str, keys: Collection[str]) -> set[str]:
    query = (
        f"SELECT DISTINCT key FROM deliveries WHERE {UNSETTLED} AND flow = $1"
        " AND state = ANY($2::text[]) AND key = ANY($3::text[])"
    )
    states = [DeliveryState.SENDING, DeliveryState.RESOLVING]
    return {key for (key,) in await connection.fetch(query, flow, states, list(keys))}


async def cross_references(
    connection: Any, account: str, model: str, keys: Sequence[str], remote_ids: Sequence[str], limit: int
) -> list[CrossReference]:
    where = Where()
    where.add("account = {}", account)
    where.add("model = {}", model)
    where.add("key = ANY({}::text[])", list(keys))
    where.add("remote_id = ANY({}::text[])", list(remote_ids))
    query = (
        f"SELECT {REFERENCE.select} FROM cross_references WHERE {where} ORDER BY key, account, model LIMIT {limit:d}"
    )
    return REFERENCE.all(await connection.fetch(query, *where.values))


async def claimed_keys(connection: Any, account: str, model: str, until: float) -> set[str]:
    query = (
        "SELECT key FROM cross_references"
        " WHERE account = $1 AND model = $2 AND remote_id IS NULL AND state = $3 AND updated_at <= $4"
    )
    return {key for (key,) in await connection.fetch(query, account, model, LinkState.CLAIMED, until)}


async def cells(connection: Any, prefix: str) -> dict[str, Cell]:
    query = "SELECT name, version, value FROM cells WHERE starts_with(name, $1) ORDER BY name"
    return {name: Cell(version, value) for name, version, value in await connection.fetch(query, prefix)}
