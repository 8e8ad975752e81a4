"""Lanes: one reader's share of a stream, in the order of its partition."""

from __future__ import annotations

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
