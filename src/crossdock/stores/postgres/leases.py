"""Lanes held by workers, and who is at work. Time is the database's: the workers' clocks need not agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crossdock.core.lanes import Lane
from crossdock.core.store import Leased, Worker
from crossdock.stores.postgres.together import columns_of

# ruff: noqa: S608

DATABASE_TIME = "extract(epoch FROM clock_timestamp())::float8"
FORGOTTEN_S = 3600.0
"""after its last sign, a worker's row goes"""


def instant(now: float) -> str:
    """The caller's time instead, for a virtual clock."""
    return f"{float(now)!r}::float8"


async def lease(connection: Any, lanes: Sequence[Lane], worker: str, for_s: float, time: str) -> dict[Lane, Leased]:
    """Waits for commits under way that hold by a lane's fence."""
    columns = columns_of(sorted((lane.reader, lane.stream, lane.partition) for lane in lanes))
    if not columns:
        return {}
    query = (
        f"WITH time AS MATERIALIZED (SELECT {time} AS now)"
        " INSERT INTO lanes (reader, stream, partition, position, fence, worker, until)"
        "  SELECT wish.*, 0, 1, $4, now + $5::float8"
        "   FROM unnest($1::text[], $2::text[], $3::smallint[]) AS wish (reader, stream, partition), time"
        " ON CONFLICT (reader, stream, partition) DO UPDATE SET worker = excluded.worker, until = excluded.until,"
        "  fence = lanes.fence + (lanes.worker <> excluded.worker)::int"
        " WHERE lanes.worker IN ('', excluded.worker) OR lanes.until <= (SELECT now FROM time)"
        " RETURNING reader, stream, partition, position, fence"
    )
    rows = await connection.fetch(query, *columns, worker, for_s)
    return {
        Lane(reader, stream, partition): Leased(position, fence) for reader, stream, partition, position, fence in rows
    }


async def workers(connection: Any, worker: Worker, for_s: float, time: str) -> Sequence[Worker]:
    await connection.execute(
        f"INSERT INTO workers (name, role, until) VALUES ($1, $2, {time} + $3::float8)"
        " ON CONFLICT (name) DO UPDATE SET role = excluded.role, until = excluded.until",
        worker.name,
        worker.role,
        for_s,
    )
    await connection.execute(f"DELETE FROM workers WHERE until < {time} - $1::float8", FORGOTTEN_S)
    rows = await connection.fetch(f"SELECT name, role FROM workers WHERE until > {time} ORDER BY name")
    return [Worker(row["name"], row["role"]) for row in rows]
