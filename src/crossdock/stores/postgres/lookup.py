"""What a batch must know. The commit holds the hub's advisory lock, so what is found stays as it is until the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from crossdock.core.delivery import ExchangeState
from crossdock.core.event import STREAM
from crossdock.core.lanes import Lane
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.work import Work
from crossdock.stores.facts import Facts, Head, ReferenceKey, wanted
from crossdock.stores.postgres.shapes import REFERENCE

_BY_TRIPLE = "FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (a, b, c)"


async def look_up(connection: Any, works: Sequence[Work]) -> Facts:
    want = wanted(works)
    facts = Facts()

    async def by_id(columns: str, table: str, ids: Iterable[str], key: str = "id") -> Sequence[Any]:
        wishes = list(ids)
        if not wishes:
            return ()
        query = f"SELECT {columns} FROM {table} WHERE {key} = ANY($1::text[])"  # noqa: S608
        rows: Sequence[Any] = await connection.fetch(query, wishes)
        return rows

    facts.works = {row[0] for row in await by_id("id", "works", want.works)}
    facts.messages = {
        row[0]: (MessageState(row[1]), row[2], row[3])
        for row in await by_id("id, state, content_hash, connection", "messages", want.messages)
    }
    facts.events = {row[0] for row in await by_id("id", "events", want.events)}
    facts.deliveries = {
        row[0]: (DeliveryState(row[1]), row[2]) for row in await by_id("id, state, flow", "deliveries", want.deliveries)
    }
    facts.exchanges = {row[0]: ExchangeState(row[1]) for row in await by_id("id, state", "exchanges", want.exchanges)}
    facts.cells = {row[0]: row[1] for row in await by_id("name, version", "cells", want.cells, "name")}
    await _references(connection, facts, want.references, want.remotes)
    await _streams(connection, facts, want.lanes, _heads(works))
    return facts


async def _references(
    connection: Any, facts: Facts, keys: Iterable[ReferenceKey], remotes: Iterable[ReferenceKey]
) -> None:
    if triples := _columns(keys):
        query = f"SELECT {REFERENCE.select} {_BY_TRIPLE} JOIN cross_references ON (account, model, key) = (a, b, c)"
        for reference in REFERENCE.all(await connection.fetch(query, *triples)):
            facts.references[reference.account, reference.model, reference.key] = reference
    if triples := _columns(remotes):
        query = f"SELECT a, b, c, key {_BY_TRIPLE} JOIN cross_references ON (account, model, remote_id) = (a, b, c)"
        for account, model, remote_id, key in await connection.fetch(query, *triples):
            facts.remotes[account, model, remote_id] = key


async def _streams(connection: Any, facts: Facts, lanes: Iterable[Lane], heads: Iterable[Head]) -> None:
    if columns := _columns((lane.reader, lane.stream, str(lane.partition)) for lane in lanes):
        query = (
            f"SELECT reader, stream, partition, position, fence {_BY_TRIPLE}"
            " JOIN lanes ON (reader, stream, partition) = (a, b, c::smallint)"
        )
        for reader, stream, partition, position, fence in await connection.fetch(query, *columns):
            facts.lanes[Lane(reader, stream, partition)] = (position, fence)
    streams = sorted({stream for stream, _ in heads})
    if streams:
        query = "SELECT stream, partition, number FROM heads WHERE stream = ANY($1::text[])"
        for stream, partition, number in await connection.fetch(query, streams):
            facts.heads[stream, partition] = number


def _heads(works: Sequence[Work]) -> set[Head]:
    heads = {(message.stream, message.partition) for work in works for message in work.messages}
    return heads | {(STREAM, event.partition) for work in works for event in work.events}


def _columns(rows: Iterable[tuple[str, str, str]]) -> list[list[str]]:
    return [list(column) for column in zip(*rows, strict=True)]
