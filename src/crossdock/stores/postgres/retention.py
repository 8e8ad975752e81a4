"""What is old and settled goes, in transactions of their own, each bounded. The same rules as on SQLite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from crossdock.stores.postgres.opening import LOCK
from crossdock.stores.postgres.reads import UNSETTLED
from crossdock.stores.postgres.together import run
from crossdock.stores.postgres.writes import COUNTS, TALLIES

OWN_SLOT = -1
"""Of the sums: retention is nobody's neighbour."""

# Only constants of this package are written into SQL; what comes from outside is bound.
# ruff: noqa: S608

WORK_IDS_S = 86_400.0

_WAITS = "state IN ('received', 'quarantined') AND state <> 'normalised'"


async def prune(connection: Any, kind: str, before: float, limit: int) -> int:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        return await _KINDS[kind](connection, before, limit)


async def forget_works(connection: Any, now: float, limit: int) -> None:
    await connection.execute(
        "DELETE FROM works WHERE id IN (SELECT id FROM works WHERE applied_at < $1 LIMIT $2)", now - WORK_IDS_S, limit
    )


async def _prune_payloads(connection: Any, before: float, limit: int) -> int:
    query = (
        "WITH old AS (SELECT id FROM payloads WHERE chunk = 0 AND added_at < $1"
        f" AND NOT EXISTS (SELECT 1 FROM messages WHERE {_WAITS} AND payloads.id IN (body, record))"
        " AND NOT EXISTS (SELECT 1 FROM arrivals JOIN messages ON arrival_id = arrivals.id"
        f"  WHERE {_WAITS} AND arrivals.payload = payloads.id) ORDER BY added_at LIMIT $2)"
        " DELETE FROM payloads USING old WHERE payloads.id = old.id RETURNING chunk"
    )
    return sum(row[0] == 0 for row in await connection.fetch(query, before, limit))


async def _prune_messages(connection: Any, before: float, limit: int) -> int:
    rows = await connection.fetch(
        "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE received_at < $1"
        f" AND NOT ({_WAITS}) ORDER BY received_at LIMIT $2) RETURNING connection, state",
        before,
        limit,
    )
    await _uncount(connection, "message", rows)
    await connection.execute(
        "DELETE FROM arrivals WHERE id IN (SELECT id FROM arrivals WHERE received_at < $1"
        f" AND id NOT IN (SELECT arrival_id FROM messages WHERE {_WAITS}) ORDER BY received_at LIMIT $2)",
        before,
        limit,
    )
    return len(rows)


async def _prune_events(connection: Any, before: float, limit: int) -> int:
    """Not before every reader of the last while has read them, nor while a delivery of theirs is unsettled."""
    rows = await connection.fetch(
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE appended_at < $1"
        " AND number <= coalesce((SELECT min(position) FROM lanes WHERE stream = 'events'"
        "  AND lanes.partition = events.partition AND (until >= $1 OR until = 0)), number)"
        f" AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event_id = events.id AND {UNSETTLED})"
        " ORDER BY partition, number LIMIT $2) RETURNING id",
        before,
        limit,
    )
    return len(rows)


async def _prune_effects(connection: Any, before: float, limit: int) -> int:
    """Settled deliveries whose event is gone, their effects, exchanges and attempts: a flow that is set back
    knows again what it has delivered. A batch's journal stays until its last one goes."""
    rows = await connection.fetch(
        f"DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE NOT ({UNSETTLED}) AND settled_at < $1"
        " AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = deliveries.event_id)"
        " ORDER BY seq LIMIT $2) RETURNING id, batch, flow, state",
        before,
        limit,
    )
    batches = [row["batch"] for row in rows if row["batch"]]
    kept = await connection.fetch("SELECT DISTINCT batch FROM deliveries WHERE batch = ANY($1::text[])", batches)
    gone = [row["id"] for row in rows] + sorted(set(batches) - {row[0] for row in kept})
    await connection.execute("DELETE FROM effects WHERE delivery_id = ANY($1::text[])", gone)
    await connection.execute(
        "DELETE FROM attempts WHERE exchange_id IN (SELECT id FROM exchanges WHERE batch = ANY($1::text[]))", gone
    )
    await connection.execute("DELETE FROM exchanges WHERE batch = ANY($1::text[])", gone)
    await _uncount(connection, "delivery", [(row["flow"], row["state"]) for row in rows])
    return len(rows)


async def _uncount(connection: Any, kind: str, rows: Iterable[Any]) -> None:
    """What is gone is no longer among the rows by state: it is counted as retired, so that the sums still agree."""
    gone = Counter((name, state) for name, state in rows)
    scope = {"message": "connection", "delivery": "flow"}[kind]
    lost = sorted((kind, name, state, -amount, OWN_SLOT) for (name, state), amount in gone.items())
    await run(connection, TALLIES, lost)
    retired: Counter[str] = Counter()
    for (name, _), amount in gone.items():
        retired[name] += amount
    rows = sorted((f"{scope}/{name}", "retired", amount, OWN_SLOT) for name, amount in retired.items())
    await run(connection, COUNTS, rows)


_KINDS: dict[str, Callable[[Any, float, int], Awaitable[int]]] = {
    "payloads": _prune_payloads,
    "messages": _prune_messages,
    "events": _prune_events,
    "effects": _prune_effects,
}
