"""Many rows in one statement.

Every step of a statement hands over Python's interpreter lock, and with a busy event loop each handing-over waits for
the loop's turn to end. So a batch is written in few statements of many rows, and what it must know is read as one row
of JSON (docs/decisions/0010 has the measurements).
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
    """`SELECT <columns> <rest>` for many keys at once, `{rows}` standing for the keys. Columns are SQL expressions
    that JSON can hold; see `text_of`."""

    def __init__(self, columns: str, rest: str, width: int = 1) -> None:
        self._width = width
        key = f"({','.join('?' * width)})" if width > 1 else "?"
        sql = f"SELECT json_group_array(json_array({columns})) {rest}"
        self._statements = {size: sql.format(rows=",".join([key] * size)) for size in _SIZES}

    def run(self, cursor: apsw.Cursor, keys: Sequence[Any]) -> list[list[Any]]:
        """`keys`: single values, or tuples `width` wide. Duplicates are harmless."""
        found: list[list[Any]] = []
        for start in range(0, len(keys), _SIZES[0]):
            part = keys[start : start + _SIZES[0]]
            size = next(size for size in reversed(_SIZES) if size >= len(part))
            padded = [*part, *[part[0]] * (size - len(part))]
            values = padded if self._width == 1 else tuple(chain.from_iterable(padded))
            for (answer,) in cursor.execute(self._statements[size], values):
                found.extend(_decode(answer))
        return found


def text_of(column: str) -> str:
    """The SQL that turns a packed identity back into text."""
    return f"iif(typeof({column}) = 'blob', lower(hex({column})), {column})"
