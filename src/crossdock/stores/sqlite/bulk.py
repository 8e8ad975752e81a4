"""Many rows in one statement.

Every step of a statement hands over Python's interpreter lock, and with a busy event loop each handing-over waits for
the loop's turn to end. So a batch is written in few statements of many rows, and what it must know is read as one row
of JSON (docs/decisions/0003 has the measurements).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import apsw
import msgspec

_SIZES = (256, 64, 16, 4, 1)
"""Few different lengths of statement, so that each stays prepared."""

_decode = msgspec.json.decode


class Bulk:
    """A statement with `{rows}` where the rows go, each `width` values wide. For writing."""

    def __init__(self, sql: str, width: int) -> None:
        row = f"({','.join('?' * width)})"
        self._statements = {size: sql.format(rows=",".join([row] * size)) for size in _SIZES}

    def run(self, cursor: apsw.Cursor, rows: Sequence[Sequence[Any]]) -> None:
        start, left = 0, len(rows)
        for size, statement in self._statements.items():
            while left >= size:
                cursor.execute(statement, tuple(chain.from_iterable(rows[start : start + size])))
                start += size
                left -= size


class Lookup:
    """`SELECT <columns> <rest>` for many keys, `{rows}` standing for the keys, as one value: JSON rows. Columns are
    SQL expressions that JSON can hold; see `text_of`."""

    def __init__(self, columns: str, rest: str, width: int = 1) -> None:
        self._width = width
        key = f"({','.join('?' * width)})" if width > 1 else "?"
        sql = f"(SELECT json_group_array(json_array({columns})) {rest})"
        self._expressions = {size: sql.format(rows=",".join([key] * size)) for size in reversed(_SIZES)}

    def ask(self, keys: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """The expression and its values for 1 to MOST_KEYS keys: single values, or tuples `width` wide."""
        size = next(size for size in self._expressions if size >= len(keys))
        padded = [*keys, *[keys[0]] * (size - len(keys))]
        return self._expressions[size], padded if self._width == 1 else tuple(chain.from_iterable(padded))


MOST_KEYS = _SIZES[0]


def answer(cursor: apsw.Cursor, questions: Sequence[tuple[Lookup, Sequence[Any]]]) -> list[list[list[Any]]]:
    """The rows that each lookup finds for its keys (any number of them), in one statement where they fit."""
    found: list[list[list[Any]]] = [[] for _ in questions]
    start = 0
    while True:
        asked = [
            (index, *lookup.ask(keys[start : start + MOST_KEYS]))
            for index, (lookup, keys) in enumerate(questions)
            if len(keys) > start
        ]
        if not asked:
            return found
        expressions = ", ".join(expression for _, expression, _ in asked)
        values = tuple(chain.from_iterable(part for _, _, part in asked))
        for row in cursor.execute(f"SELECT {expressions}", values):
            for (index, _, _), text in zip(asked, row, strict=True):
                found[index].extend(_decode(text))
        start += MOST_KEYS


def text_of(column: str) -> str:
    """The SQL that turns a packed identity back into text."""
    return f"iif(typeof({column}) = 'blob', lower(hex({column})), {column})"
