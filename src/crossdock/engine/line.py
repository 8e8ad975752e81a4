"""Where one partition key of a flow stands, as its deliverer knows it."""

from __future__ import annotations

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
