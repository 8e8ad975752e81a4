"""Several statements in one round trip: the parts become one statement, each over rows that travel as arrays.

Parts of one statement see the database as it was before all of them, and run in no promised order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Row = tuple[Any, ...]

ROWS = "{rows}"
"""In a part's SQL: where its rows stand."""


@dataclass(frozen=True, slots=True)
class Part:
    """SQL over rows of these types; without a result, but for the last one."""

    sql: str
    types: tuple[str, ...]

    def over(self, first: int) -> str:
        """With its first parameter at this place."""
        marks = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(self.types, first))
        return self.sql.replace(ROWS, f"unnest({marks})")


def insert(table: str, columns: Mapping[str, str], conflict: str = "") -> Part:
    """`columns` maps a name to its type."""
    sql = f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM {ROWS} {conflict}"  # noqa: S608
    return Part(sql, tuple(columns.values()))


def columns_of(rows: Iterable[Row]) -> list[list[Any]]:
    """The rows' values, a list a column. No rows, no columns."""
    return [list(column) for column in zip(*rows, strict=True)]


async def run(connection: Any, *parts: tuple[Part, Iterable[Row]]) -> Sequence[Any]:
    """Those that have rows, in one round trip; the last one's result."""
    wanted: list[Part] = []
    values: list[list[Any]] = []
    for part, rows in parts:
        if columns := columns_of(rows):
            wanted.append(part)
            values += columns
    if not wanted:
        return ()
    found: Sequence[Any] = await connection.fetch(_statement(tuple(wanted)), *values)
    return found


@lru_cache(1024)
def _statement(parts: tuple[Part, ...]) -> str:
    first, texts = 1, []
    for part in parts:
        texts.append(part.over(first))
        first += len(part.types)
    *beside, last = texts
    return f"WITH {', '.join(f'part{n} AS ({text})' for n, text in enumerate(beside))} {last}" if beside else last
