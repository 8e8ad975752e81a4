"""A SQLite store's rows in the form that all stores share, both ways. For a hub that is stopped."""

# Only constants of this package are written into SQL; what comes from outside is bound.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from crossdock.core.errors import StoreError
from crossdock.core.event import STREAM
from crossdock.core.states import DeliveryState
from crossdock.stores.sqlite.bulk import text_of
from crossdock.stores.sqlite.opening import Holder, connect_writer
from crossdock.stores.sqlite.rows import EVENTS_CODE, packed, place, stage_of
from crossdock.stores.tables import MOVED, TABLES, at_once

Row = Sequence[Any]

_STREAM = "(SELECT name FROM streams WHERE code = {})"
_PLACE = {"partition": "place >> 40 & 31", "number": "place & ((1 << 40) - 1)"}
_SHARED: Mapping[str, str] = {
    name: text_of(name) for name in ("id", "content_hash", "body", "body_sha256", "record", "record_sha256", "payload")
} | {name: text_of(name) for name in ("payload_sha256", "cause", "origin", "batch", "request_hash", "fingerprint")}
"""Column → the SQL that reads it, where it is kept packed."""
_READ: Mapping[str, Mapping[str, str]] = {
    "works": {"applied_at": "applied_at * 1.0"},
    "heads": {"stream": _STREAM.format("stream")},
    "lanes": {"worker": "''", "until": "0.0"},
    "messages": {**_PLACE, "stream": _STREAM.format("place >> 45"), "arrival_id": text_of("arrival")},
    "events": {**_PLACE, "stale": "stale <> 0"},
    "entities": {"event_id": text_of("event")},
    "deliveries": {**_PLACE, "event_id": text_of("event")},
    "effects": {"delivery_id": text_of("delivery"), "exchange_id": text_of("exchange")},
    "attempts": {"exchange_id": text_of("exchange")},
    "cross_references": {"effect_id": text_of("effect")},
}
_ORDER = dict.fromkeys(("deliveries", "exchanges", "payloads", "arrivals", "works"), " ORDER BY seq")

_COLUMN = {"arrival_id": "arrival", "event_id": "event", "delivery_id": "delivery", "exchange_id": "exchange"}
_PACKED = frozenset(_SHARED) | frozenset(_COLUMN) | {"effect_id"}


class SqliteMoving:
    """Holds the file while it is open: neither a hub nor another move may begin. Raises StoreError."""

    def __init__(self, path: str, *, new: bool) -> None:
        if not new and not Path(path).exists():
            raise StoreError(f"there is no store at {path}")
        self._holder = Holder(Path(path))
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._holder.take()
        try:
            self._connection = connect_writer(path)
        except BaseException:
            self._holder.release()
            raise
        self._codes = {STREAM: EVENTS_CODE}

    async def close(self) -> None:
        """What was loaded and not committed is gone."""
        self._connection.close()
        self._holder.release()

    async def amounts(self) -> Mapping[str, int]:
        return {table: int(self._connection.execute(f"SELECT count(*) FROM {table}").get) for table in TABLES}

    async def rows(self, table: str) -> AsyncIterator[Sequence[Row]]:
        exprs = {**_SHARED, **_READ.get(table, {})}
        columns = ", ".join(exprs.get(column, column) for column in TABLES[table])
        cursor = self._connection.execute(f"SELECT {columns} FROM {table}{_ORDER.get(table, '')}")
        while page := [_as_shared(table, row) for row in islice(cursor, at_once(table))]:
            yield page

    async def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    async def load(self, table: str, rows: Sequence[Row]) -> None:
        names = TABLES[table]
        made = [self._as_ours(table, dict(zip(names, row, strict=True))) for row in rows]
        columns = ", ".join(made[0])
        marks = ", ".join("?" * len(made[0]))
        self._connection.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({marks})", [tuple(row.values()) for row in made]
        )

    async def commit(self) -> None:
        self._connection.execute("COMMIT")

    async def moved(self) -> bytes | None:
        found: bytes | None = self._connection.execute("SELECT value FROM cells WHERE name = ?", (MOVED,)).get
        return found

    async def mark(self, value: bytes) -> None:
        self._connection.execute(
            "INSERT INTO cells VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (MOVED, value)
        )

    async def unmark(self) -> None:
        self._connection.execute("DELETE FROM cells WHERE name = ?", (MOVED,))

    def _as_ours(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        ours: dict[str, Any] = {
            _COLUMN.get(name, name): packed(value) if name in _PACKED and value is not None else value
            for name, value in row.items()
        }
        match table:
            case "heads":
                ours["stream"] = self._code(row["stream"])
            case "messages":
                ours["place"] = place(self._code(row["stream"]), ours.pop("partition"), ours.pop("number"))
                del ours["stream"]
            case "events":
                ours["place"] = place(EVENTS_CODE, ours.pop("partition"), ours.pop("number"))
            case "deliveries":
                ours["place"] = place(EVENTS_CODE, ours.pop("partition"), ours.pop("number"))
                ours["stage"] = stage_of(DeliveryState(row["state"]))
            case "cross_references":
                ours["effect"] = ours.pop("effect_id")
        return ours

    def _code(self, stream: str) -> int:
        if stream not in self._codes:
            self._codes[stream] = max(self._codes.values()) + 1
        code = self._codes[stream]
        self._connection.execute("INSERT INTO streams VALUES (?, ?) ON CONFLICT DO NOTHING", (code, stream))
        return code


def _as_shared(table: str, row: Row) -> Row:
    if table == "events":
        at = TABLES[table].index("stale")
        return (*row[:at], bool(row[at]), *row[at + 1 :])
    return row
