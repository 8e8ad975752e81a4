"""What a batch must know. What is there is locked until the commit, table by table and in the order of its keys; what
is not there may be made by another worker meanwhile: then the batch collides with it, and is decided again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from crossdock.core.delivery import ExchangeState
from crossdock.core.lanes import Lane
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.work import Work
from crossdock.stores.facts import Facts, ReferenceKey, wanted
from crossdock.stores.postgres.shapes import REFERENCE

_BY_ID = "ORDER BY id FOR NO KEY UPDATE"
_BY_TRIPLE = "FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (a, b, c)"


async def look_up(connection: Any, works: Sequence[Work]) -> Facts:
    want = wanted(works)
    facts = Facts()

    async def by_id(columns: str, table: str, ids: Iterable[str], lock: str = "", key: str = "id") -> Sequence[Any]:
        wishes = list(ids)
        if not wishes:
            return ()
        query = f"SELECT {columns} FROM {table} WHERE {key} = ANY($1::text[]) {lock}"  # noqa: S608
        rows: Sequence[Any] = await connection.fetch(query, wishes)
        return rows

    facts.works = {row[0] for row in await by_id("id", "works", want.works)}
    facts.lanes = await _lanes(connection, want.lanes)
    facts.messages = {
        row[0]: (MessageState(row[1]), row[2], row[3])
        for row in await by_id("id, state, content_hash, connection", "messages", want.messages, _BY_ID)
    }
    facts.events = {row[0] for row in await by_id("id", "events", want.events)}
    facts.deliveries = {
        row[0]: (DeliveryState(row[1]), row[2])
        for row in await by_id("id, state, flow", "deliveries", want.deliveries, _BY_ID)
    }
    facts.exchanges = {
        row[0]: ExchangeState(row[1]) for row in await by_id("id, state", "exchanges", want.exchanges, _BY_ID)
    }
    await _references(connection, facts, want.references, want.remotes)
    rows = await by_id("name, version", "cells", want.cells, "ORDER BY name FOR UPDATE", "name")
    facts.cells = {row[0]: row[1] for row in rows}
    return facts


async def _lanes(connection: Any, lanes: Iterable[Lane]) -> dict[Lane, tuple[int, int]]:
    """Nobody takes them over before the commit: a fence that holds here holds there."""
    columns = _columns((lane.reader, lane.stream, str(lane.partition)) for lane in lanes)
    if not columns:
        return {}
    query = (
        f"SELECT reader, stream, partition, position, fence {_BY_TRIPLE}"
        " JOIN lanes ON (reader, stream, partition) = (a, b, c::smallint)"
        " ORDER BY reader, stream, partition FOR NO KEY UPDATE OF lanes"
    )
    return {
        Lane(reader, stream, partition): (position, fence)
        for reader, stream, partition, position, fence in await connection.fetch(query, *columns)
    }


async def _references(
    connection: Any, facts: Facts, keys: Iterable[ReferenceKey], remotes: Iterable[ReferenceKey]
) -> None:
    if triples := _columns(keys):
        query = (
            f"SELECT {REFERENCE.select} {_BY_TRIPLE} JOIN cross_references ON (key, account, model) = (c, a, b)"
            " ORDER BY key, account, model FOR UPDATE OF cross_references"
        )
        for reference in REFERENCE.all(await connection.fetch(query, *triples)):
            facts.references[reference.account, reference.model, reference.key] = reference
    if triples := _columns(remotes):
        query = f"SELECT a, b, c, key {_BY_TRIPLE} JOIN cross_references ON (remote_id, account, model) = (c, a, b)"
        for account, model, remote_id, key in await connection.fetch(query, *triples):
            facts.remotes[account, model, remote_id] = key


def _columns(rows: Iterable[tuple[str, str, str]]) -> list[list[str]]:
    return [list(column) for column in zip(*rows, strict=True)]
