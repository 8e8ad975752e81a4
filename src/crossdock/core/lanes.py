"""Lanes: one reader's share of a stream, in the order of its partition."""

from __future__ import annotations

from dataclasses import dataclass

from crossdock.core.ids import PARTITIONS


@dataclass(frozen=True, slots=True)
class Lane:
    reader: str
    """`normalise` | `flow/<name>`"""
    stream: str
    """`inbox/<connection>` | `events`"""
    partition: int


def lanes_of(reader: str, stream: str) -> tuple[Lane, ...]:
    return tuple(Lane(reader, stream, partition) for partition in range(PARTITIONS))
