"""Lanes held by workers. A job of the writer's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw
import msgspec

from crossdock.core.lanes import Lane
from crossdock.core.store import Leased
from crossdock.stores.sqlite.bulk import Bulk
from crossdock.stores.sqlite.writer import Writer

_HELD = "SELECT json_group_array(json_array(reader, stream, partition, worker, until)) FROM lanes"
_GIVE_BACK = "UPDATE lanes SET worker = '', until = ? WHERE worker = ? AND (reader, stream, partition) = (?, ?, ?)"
_TAKE = Bulk(
    "INSERT INTO lanes (reader, stream, partition, position, fence, worker, until) VALUES {rows}"
    " ON CONFLICT DO UPDATE SET fence = excluded.fence, worker = excluded.worker, until = excluded.until",
    7,
)


def lease(
    cursor: apsw.Cursor, writer: Writer, lanes: Sequence[Lane], worker: str, until: float, now: float
) -> Mapping[Lane, Leased]:
    """All in one statement to look and few to take: a hub renews hundreds of lanes at once."""
    if until <= now:
        cursor.executemany(_GIVE_BACK, [(now, worker, lane.reader, lane.stream, lane.partition) for lane in lanes])
        return {}
    (known,) = cursor.execute(_HELD)
    held = {
        (reader, stream, place): (holder, end) for reader, stream, place, holder, end in msgspec.json.decode(*known)
    }
    leased: dict[Lane, Leased] = {}
    for lane in lanes:
        holder, held_until = held.get((lane.reader, lane.stream, lane.partition), ("", 0.0))
        if holder not in ("", worker) and held_until > now:
            continue
        position, fence = writer.lanes.get(lane, (0, 0))
        leased[lane] = Leased(position, fence if holder == worker else fence + 1)
    _TAKE.run(
        cursor,
        [
            (lane.reader, lane.stream, lane.partition, one.position, one.fence, worker, until)
            for lane, one in leased.items()
        ],
    )
    writer.lanes.update({lane: (one.position, one.fence) for lane, one in leased.items()})
    return leased
