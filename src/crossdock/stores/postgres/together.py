"""SQL over rows that travel as arrays, so that many statements need one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# Only constants of this package are written into SQL; what comes from outside is bound.
# ruff: noqa: S608

Row = tuple[Any, ...]
Rows = tuple["Part", Iterable[Row]]

ROWS = "{rows}"
"""In a part's SQL: where its rows stand."""
THROUGH = "{through}"
"""In a middle part's SQL: the condition that those before it are through."""


@dataclass(frozen=True, slots=True)
class Part:
    """SQL over rows of these types."""

    sql: str
    types: tuple[str, ...]

    def over(self, first: int) -> str:
        """With its first parameter at this place."""
        marks = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(self.types, first))
        return self.sql.replace(ROWS, f"unnest({marks})")


def insert(table: str, columns: Mapping[str, str], conflict: str = "") -> Part:
    """`columns` maps a name to its type."""
    sql = f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM {ROWS} {conflict}"
    return Part(sql, tuple(columns.values()))


def columns_of(rows: Iterable[Row]) -> list[list[Any]]:
    """The rows' values, a list a column. No rows, no columns."""
    return [list(column) for column in zip(*rows, strict=True)]


async def run(connection: Any, part: Part, rows: Iterable[Row]) -> None:
    """Nothing without rows."""
    if columns := columns_of(rows):
        await connection.execute(part.over(1), *columns)


async def run_together(
    connection: Any, before: Iterable[Rows], middle: tuple[Part, Iterable[Row]], after: Iterable[Rows]
) -> Sequence[Any]:
    """In one round trip: every part of `before` that has rows, in this order, then `middle`, then `after`, whose parts
    may read what `middle` returned, as `middle`. Returns that. All see the database as it was before them, so that no
    row is written twice."""
    first, values = _asked(before)
    last, more = _asked(after)
    part, rows = middle
    columns = columns_of(rows) or [[] for _ in part.types]
    found: Sequence[Any] = await connection.fetch(_statement(first, part, last), *values, *columns, *more)
    return found


def _asked(parts: Iterable[Rows]) -> tuple[tuple[Part, ...], list[list[Any]]]:
    asked: list[Part] = []
    values: list[list[Any]] = []
    for part, rows in parts:
        if columns := columns_of(rows):
            asked.append(part)
            values += columns
    return tuple(asked), values


@lru_cache(1024)
def _statement(before: tuple[Part, ...], middle: Part, after: tuple[Part, ...]) -> str:
    """A part is run to its end by whoever counts its rows: so the middle one waits for those before it."""
    place, named = 1, []
    for number, part in enumerate(before):
        named.append(f"before{number} AS ({part.over(place)} RETURNING 1)")
        place += len(part.types)
    through = " AND ".join(f"(SELECT count(*) FROM before{number}) >= 0" for number in range(len(before))) or "true"
    named.append(f"middle AS ({middle.over(place).replace(THROUGH, through)})")
    place += len(middle.types)
    for number, part in enumerate(after):
        named.append(f"after{number} AS ({part.over(place)})")
        place += len(part.types)
    return f"WITH {', '.join(named)} SELECT * FROM middle"
