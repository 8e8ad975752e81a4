"""Lanes held by workers, and who is at work. Time is the database's: the workers' clocks need not agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crossdock.core.lanes import Lane
from crossdock.core.store import Leased, Worker
from crossdock.stores.postgres.together import columns_of

# Only constants of this package are written into SQL; what comes from outside is bound.
# ruff: noqa: S608

DATABASE_TIME = "extract(epoch FROM clock_timestamp())::float8"
FORGOTTEN_S = 3600.0
"""after its last sign, a worker's row goes"""


_WISH = "unnest($1::text[], $2::text[], $3::smallint[]) AS wish (reader, stream, partition)"
_CHANGED = "RETURNING lanes.reader, lanes.stream, lanes.partition, lanes.position, lanes.fence"
_MINE = (
    f"WITH mine AS MATERIALIZED (SELECT lanes.* FROM {_WISH} JOIN lanes USING (reader, stream, partition)"
    "  WHERE worker = $4 ORDER BY reader, stream, partition FOR NO KEY UPDATE OF lanes)"
    " UPDATE lanes SET {change} FROM mine"
    " WHERE (lanes.reader, lanes.stream, lanes.partition) = (mine.reader, mine.stream, mine.partition)"
    " AND lanes.worker = $4"
)
_GIVE_BACK = _MINE.format(change="worker = '', until = {time}")
_KEEP = f"{_MINE.format(change='until = {time} + $5::float8')} {_CHANGED}"
_TAKE = (
    "WITH time AS MATERIALIZED (SELECT {time} AS now), free AS MATERIALIZED ("
    f" SELECT lanes.* FROM {_WISH} JOIN lanes USING (reader, stream, partition)"
    "  WHERE worker <> $4 AND (worker = '' OR until <= (SELECT now FROM time))"
    "  ORDER BY reader, stream, partition FOR UPDATE OF lanes),"
    " taken AS (UPDATE lanes SET worker = $4, until = now + $5::float8, fence = lanes.fence + 1 FROM free, time"
    "  WHERE (lanes.reader, lanes.stream, lanes.partition) = (free.reader, free.stream, free.partition)"
    f" {_CHANGED}),"
    " made AS (INSERT INTO lanes (reader, stream, partition, position, fence, worker, until)"
    f"  SELECT wish.*, 0, 1, $4, now + $5::float8 FROM {_WISH}, time"
    "   WHERE NOT EXISTS (SELECT FROM lanes WHERE (lanes.reader, lanes.stream, lanes.partition)"
    "    = (wish.reader, wish.stream, wish.partition))"
    f"  ON CONFLICT DO NOTHING {_CHANGED})"
    " SELECT * FROM taken UNION ALL SELECT * FROM made"
)


def instant(now: float) -> str:
    """The caller's time instead, for a virtual clock."""
    return f"{float(now)!r}::float8"


async def lease(connection: Any, lanes: Sequence[Lane], worker: str, for_s: float, time: str) -> dict[Lane, Leased]:
    """Waits for commits under way that hold by the fence of a lane which it takes over. A lane that another worker
    holds is not locked: its commits go on."""
    columns = columns_of(sorted((lane.reader, lane.stream, lane.partition) for lane in lanes))
    if not columns:
        return {}
    if for_s <= 0:
        await connection.execute(_GIVE_BACK.format(time=time), *columns, worker)
        return {}
    leased: dict[Lane, Leased] = {}
    for query in (_KEEP, _TAKE):
        rows = await connection.fetch(query.format(time=time), *columns, worker, for_s)
        leased |= {
            Lane(reader, stream, place): Leased(position, fence) for reader, stream, place, position, fence in rows
        }
        if len(leased) == len(columns[0]):
            break
    return leased


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
