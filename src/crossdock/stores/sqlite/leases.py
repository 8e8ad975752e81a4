"""Lanes held by workers. A job of the writer's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw

from crossdock.core.lanes import Lane
from crossdock.core.store import Leased
from crossdock.stores.sqlite.writer import Writer

_HELD = "SELECT worker, until FROM lanes WHERE reader = ? AND stream = ? AND partition = ?"
_TAKE = (
    "INSERT INTO lanes (reader, stream, partition, position, fence, worker, until) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET fence = excluded.fence, worker = excluded.worker, until = excluded.until"
)


def lease(
    cursor: apsw.Cursor, writer: Writer, lanes: Sequence[Lane], worker: str, until: float, now: float
) -> Mapping[Lane, Leased]:
    leased: dict[Lane, Leased] = {}
    for lane in lanes:
        key = (lane.reader, lane.stream, lane.partition)
        holder, held_until = cursor.execute(_HELD, key).fetchone() or ("", 0.0)
        if holder not in ("", worker) and held_until > now:
            continue
        position, fence = writer.lanes.get(lane, (0, 0))
        if holder != worker:
            fence += 1
        cursor.execute(_TAKE, (*key, position, fence, worker, until))
        writer.lanes[lane] = (position, fence)
        leased[lane] = Leased(position, fence)
    return leased
