"""Where one partition key of a flow stands, as its deliverer knows it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from crossdock.core.delivery import Delivery
from crossdock.core.event import Event

NEVER = float("inf")
NOBODY = Delivery(id="", flow="", event_id="", key="", partitionkey="", partition=0, number=0)


@dataclass(slots=True)
class Line:
    """One partition key: the delivery at its head, and whether more stand behind it in the store."""

    head: Delivery
    event: Event | None = None
    behind: bool = False
    busy: bool = False
    again: bool = False
    """told, while busy, that what it waits for has happened"""
    moved: bool = False
    """a person has moved a delivery of this key while it was busy: what is known of it here may be out of date"""
    due_at: float = 0.0
    """0 = as soon as there is a slot; NEVER = only a person or an event moves it"""


def untried_first(ready: deque[str], lines: Mapping[str, Line]) -> None:
    """Of the keys whose turn it is, one of which nothing was tried yet comes first: it shows whether a destination is
    well. Those that fail there for good by themselves would show nothing, and keep everybody waiting."""
    for place, key in enumerate(ready):
        line = lines.get(key)
        if line is not None and not line.busy and line.due_at <= 0 and not line.head.attempts:
            del ready[place]
            ready.appendleft(key)
            return
