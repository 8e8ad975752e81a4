"""What a batch must know, in one round trip. What is there is locked until the commit, table by table and in the order
of its keys; what is not there may be made by another worker meanwhile: then the batch collides and is decided again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from crossdock.core.delivery import ExchangeState
from crossdock.core.lanes import Lane
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.work import Work
from crossdock.core.xref import CrossReference, LinkState
from crossdock.stores.facts import Facts, wanted
from crossdock.stores.postgres.shapes import REFERENCE
from crossdock.stores.postgres.together import ROWS, Part, columns_of

# Only constants of this package are written into SQL; what comes from outside is bound.
# ruff: noqa: S608

_TRIPLE = ("text", "text", "text")


def _by_id(table: str, columns: str, *, locked: bool = True) -> Part:
    lock = f"ORDER BY id FOR NO KEY UPDATE OF {table}" if locked else ""
    return Part(f"SELECT {columns} FROM {table} JOIN {ROWS} AS wanted (it) ON {table}.id = it {lock}", ("text",))


_LANES = Part(
    f"SELECT reader, stream, partition, position, fence FROM {ROWS} AS wanted (a, b, c)"
    " JOIN lanes ON (reader, stream, partition) = (a, b, c)"
    " ORDER BY reader, stream, partition FOR NO KEY UPDATE OF lanes",
    ("text", "text", "smallint"),
)
_REFERENCES = Part(
    f"SELECT {REFERENCE.select} FROM {ROWS} AS wanted (a, b, c)"
    " JOIN cross_references ON (key, account, model) = (c, a, b)"
    " ORDER BY key, account, model FOR UPDATE OF cross_references",
    _TRIPLE,
)
_REMOTES = Part(
    f"SELECT a, b, c, key FROM {ROWS} AS wanted (a, b, c)"
    " JOIN cross_references ON (remote_id, account, model) = (c, a, b)",
    _TRIPLE,
)
_CELLS = Part(
    f"SELECT name, version FROM cells JOIN {ROWS} AS wanted (it) ON name = it ORDER BY name FOR UPDATE OF cells",
    ("text",),
)
_PARTS = {
    "lanes": _LANES,
    "works": _by_id("works", "id", locked=False),
    "messages": _by_id("messages", "id, state, content_hash, connection"),
    "events": _by_id("events", "id", locked=False),
    "deliveries": _by_id("deliveries", "id, state, flow"),
    "exchanges": _by_id("exchanges", "id, state"),
    "references": _REFERENCES,
    "remotes": _REMOTES,
    "cells": _CELLS,
}
"""In the order in which they are locked."""


async def look_up(connection: Any, works: Sequence[Work]) -> Facts:
    want = wanted(works)
    wishes: dict[str, Iterable[tuple[Any, ...]]] = {
        "lanes": ((lane.reader, lane.stream, lane.partition) for lane in want.lanes),
        "references": want.references,
        "remotes": want.remotes,
    }
    for name in ("works", "messages", "events", "deliveries", "exchanges", "cells"):
        wishes[name] = ((identity,) for identity in getattr(want, name))
    asked = {name: columns for name in _PARTS if (columns := columns_of(wishes[name]))}
    facts = Facts()
    values = [column for columns in asked.values() for column in columns]
    for name, row in await connection.fetch(_statement(tuple(asked)), *values):
        _put(facts, name, row)
    return facts


@lru_cache(512)
def _statement(names: tuple[str, ...]) -> str:
    """Each row as its table's name and an array of texts, "" for what is null."""
    first, parts, reads = 1, [], []
    for name in names:
        part = _PARTS[name]
        parts.append(f"{name}_found AS MATERIALIZED ({part.over(first)})")
        first += len(part.types)
        reads.append(f"SELECT '{name}', ARRAY[{_texts(part)}] FROM {name}_found")
    return f"WITH {', '.join(parts)} {' UNION ALL '.join(reads)}"


def _texts(part: Part) -> str:
    columns = part.sql.removeprefix("SELECT ").partition(" FROM ")[0].split(", ")
    return ", ".join(f"coalesce({column}::text, '')" for column in columns)


def _put(facts: Facts, name: str, row: list[str]) -> None:
    match name:
        case "works":
            facts.works.add(row[0])
        case "messages":
            facts.messages[row[0]] = (MessageState(row[1]), row[2], row[3])
        case "events":
            facts.events.add(row[0])
        case "deliveries":
            facts.deliveries[row[0]] = (DeliveryState(row[1]), row[2])
        case "exchanges":
            facts.exchanges[row[0]] = ExchangeState(row[1])
        case "cells":
            facts.cells[row[0]] = int(row[1])
        case "lanes":
            facts.lanes[Lane(row[0], row[1], int(row[2]))] = (int(row[3]), int(row[4]))
        case "remotes":
            facts.remotes[row[0], row[1], row[2]] = row[3]
        case "references":
            said: dict[str, Any] = dict(zip(REFERENCE.columns, row, strict=True))
            said |= {"state": LinkState(said["state"]), "updated_at": float(said["updated_at"])}
            reference = CrossReference(**said)
            facts.references[reference.account, reference.model, reference.key] = reference
