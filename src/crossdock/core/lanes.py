"""Lanes: one reader's share of a stream, in the order of its partition."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from crossdock.core.ids import PARTITIONS


class Lane(Struct, frozen=True, gc=False):
    reader: str
    """`normalise` | `flow/<name>`"""
    stream: str
    """`inbox/<connection>` | `events`"""
    partition: int


def lanes_of(reader: str, stream: str) -> tuple[Lane, ...]:
    return tuple(Lane(reader, stream, partition) for partition in range(PARTITIONS))


def share_of(worker: str, workers: Sequence[str]) -> frozenset[int]:
    """The partitions that fall to one of the workers, who all come to the same answer. Their number differs by one at
    most; a worker that is not among them has none."""
    if worker not in workers:
        return frozenset()
    return frozenset(range(sorted(workers).index(worker), PARTITIONS, len(workers)))
