"""What is old and settled goes. Jobs of the writer's, each bounded, so that intake never waits long behind them.

Order of ages: cross-references for ever ≥ effects ≥ events ≥ messages ≥ payloads. What a person may still decide on
(held, dead, quarantined), and what a reader has not read yet, stays whatever its age.
"""

# Only constants of this package are written into SQL; what comes from outside is bound.
# ruff: noqa: S608

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import apsw

from crossdock.core.event import STREAM
from crossdock.core.ids import PARTITIONS
from crossdock.stores.sqlite.rows import EVENTS_CODE, place
from crossdock.stores.sqlite.writer import Writer
from crossdock.stores.sqlite.writes import COUNTS, TALLIES

WORK_IDS_S = 86_400.0

_WAITS = "state IN ('received', 'quarantined')"


def prune(cursor: apsw.Cursor, writer: Writer, before: Mapping[str, float], limit: int) -> dict[str, int]:
    _prune_works(cursor, writer.now() - WORK_IDS_S, limit)
    return {kind: _KINDS[kind](cursor, writer, instant, limit) for kind, instant in before.items()}


def _prune_works(cursor: apsw.Cursor, before: float, limit: int) -> None:
    young = _first_young(cursor, "works", "applied_at", before)
    cursor.execute(
        "DELETE FROM works WHERE seq IN (SELECT seq FROM works WHERE seq < ? ORDER BY seq LIMIT ?)", (young, limit)
    )


def _first_young(cursor: apsw.Cursor, table: str, column: str, before: float) -> int:
    """Rows are appended as time goes on: where the first young one stands, or the end. No index is needed."""
    query = (
        f"SELECT ifnull((SELECT seq FROM {table} WHERE {column} >= ? ORDER BY seq LIMIT 1),"
        f" (SELECT ifnull(max(seq), 0) + 1 FROM {table}))"
    )
    return int(cursor.execute(query, (before,)).get)


def _prune_payloads(cursor: apsw.Cursor, _: Writer, before: float, limit: int) -> int:
    """Payloads are dated by their commit. Those of a message that still waits stay."""
    young = _first_young(cursor, "payloads", "added_at", before)
    cursor.execute(
        "DELETE FROM payloads WHERE id IN (SELECT id FROM payloads WHERE seq < ?1 AND id NOT IN ("
        f" SELECT body FROM messages WHERE {_WAITS} AND state <> 'normalised'"
        f" UNION ALL SELECT record FROM messages WHERE {_WAITS} AND state <> 'normalised' AND record IS NOT NULL"
        " UNION ALL SELECT payload FROM arrivals WHERE id IN"
        f"  (SELECT arrival FROM messages WHERE {_WAITS} AND state <> 'normalised'))"
        " AND chunk = 0 ORDER BY seq LIMIT ?2) RETURNING chunk",
        (young, limit),
    )
    return sum(chunk == 0 for (chunk,) in cursor)


def _prune_messages(cursor: apsw.Cursor, writer: Writer, before: float, limit: int) -> int:
    gone: Counter[tuple[str, str]] = Counter()
    for stream, code in writer.streams.items():
        if stream == STREAM:
            continue
        for partition in range(PARTITIONS):
            span = (place(code, partition, 0), place(code, partition + 1, 0))
            cursor.execute(
                "DELETE FROM messages WHERE place IN (SELECT place FROM messages WHERE place > ?1 AND place <"
                " ifnull((SELECT place FROM messages WHERE place > ?1 AND place < ?2 AND received_at >= ?3"
                f" ORDER BY place LIMIT 1), ?2) AND NOT {_WAITS} ORDER BY place LIMIT ?4) RETURNING connection, state",
                (*span, before, limit - gone.total()),
            )
            gone.update((connection, state) for connection, state in cursor)
    _uncount(cursor, "message", gone)
    _prune_arrivals(cursor, before, limit)
    return gone.total()


def _prune_arrivals(cursor: apsw.Cursor, before: float, limit: int) -> None:
    young = _first_young(cursor, "arrivals", "received_at", before)
    cursor.execute(
        "DELETE FROM arrivals WHERE seq IN (SELECT seq FROM arrivals WHERE seq < ? AND id NOT IN"
        f" (SELECT arrival FROM messages WHERE {_WAITS} AND state <> 'normalised') ORDER BY seq LIMIT ?)",
        (young, limit),
    )


def _prune_events(cursor: apsw.Cursor, _: Writer, before: float, limit: int) -> int:
    """Not before every reader of the last while has read them, nor while a delivery of theirs is unsettled."""
    read_up_to = dict(
        cursor.execute(
            "SELECT partition, min(position) FROM lanes WHERE stream = ? AND (until >= ? OR until = 0)"
            " GROUP BY partition",
            (STREAM, before),
        )
    )
    gone = 0
    for partition in range(PARTITIONS):
        start = place(EVENTS_CODE, partition, 0)
        end = place(EVENTS_CODE, partition + 1, 0)
        if partition in read_up_to:
            end = min(end, start + read_up_to[partition] + 1)
        cursor.execute(
            "DELETE FROM events WHERE place IN (SELECT place FROM events WHERE place > ?1 AND place <"
            " ifnull((SELECT place FROM events WHERE place > ?1 AND place < ?2 AND appended_at >= ?3"
            " ORDER BY place LIMIT 1), ?2) AND NOT EXISTS (SELECT 1 FROM deliveries"
            " WHERE deliveries.place = events.place AND stage < 2)"
            " ORDER BY place LIMIT ?4) RETURNING place",
            (start, end, before, limit - gone),
        )
        gone += len(cursor.fetchall())
    return gone


def _prune_effects(cursor: apsw.Cursor, _: Writer, before: float, limit: int) -> int:
    """Settled deliveries whose event is gone, their effects, exchanges and attempts: a flow that is set back
    knows again what it has delivered. A batch's journal stays until its last one goes."""
    young = _first_young(cursor, "deliveries", "planned_at", before)
    rows: list[tuple[Any, ...]] = cursor.execute(
        "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE seq < ? AND settled_at < ?"
        " AND stage = 2 AND NOT EXISTS (SELECT 1 FROM events WHERE events.place = deliveries.place)"
        " ORDER BY seq LIMIT ?)"
        " RETURNING id, batch, flow, state",
        (young, before, limit),
    ).fetchall()
    batches = dict.fromkeys(identity for identity, _, _, _ in rows)
    for batch in dict.fromkeys(batch for _, batch, _, _ in rows if batch):
        if cursor.execute("SELECT 1 FROM deliveries WHERE batch = ? AND batch <> ''", (batch,)).fetchone() is None:
            batches[batch] = None
    for identity in batches:
        cursor.execute("DELETE FROM effects WHERE delivery = ?", (identity,))
        cursor.execute("DELETE FROM attempts WHERE exchange IN (SELECT id FROM exchanges WHERE batch = ?)", (identity,))
        cursor.execute("DELETE FROM exchanges WHERE batch = ?", (identity,))
    _uncount(cursor, "delivery", Counter((flow, state) for _, _, flow, state in rows))
    return len(rows)


def _uncount(cursor: apsw.Cursor, kind: str, gone: Counter[tuple[str, str]]) -> None:
    """What is gone is no longer among the rows by state: it is counted as retired, so that the sums still agree."""
    scope = {"message": "connection", "delivery": "flow"}[kind]
    retired: Counter[str] = Counter()
    for (name, _), amount in gone.items():
        retired[name] += amount
    COUNTS.run(cursor, [(f"{scope}/{name}", "retired", amount) for name, amount in retired.items()])
    TALLIES.run(cursor, [(kind, name, state, -amount) for (name, state), amount in gone.items()])


_KINDS: dict[str, Callable[[apsw.Cursor, Writer, float, int], int]] = {
    "payloads": _prune_payloads,
    "messages": _prune_messages,
    "events": _prune_events,
    "effects": _prune_effects,
}
