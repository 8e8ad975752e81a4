"""Which events a flow takes, and why it skips the others."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from crossdock.core import json
from crossdock.core.event import Event
from crossdock.core.flow import Flow, MapFailed


class Skip(StrEnum):
    """Reasons, counted for each flow."""

    TYPE = "other_type"
    EARLIER = "before_its_start"
    FILTER = "filtered"
    STALE = "stale"
    ECHO = "own_echo"
    ALREADY = "already_planned"


def route_event(flow: Flow, event: Event, destination: str, *, now: float) -> Skip | None:
    """None = the flow takes it. `destination` is the account that the flow writes to. A `where` that fails on an event
    is no reason to drop it: the delivery is planned, and its map will say what is wrong."""
    if event.type not in flow.on:
        return Skip.TYPE
    if isinstance(flow.begin, float) and event.appended_at < flow.begin:
        return Skip.EARLIER
    if event.stale and flow.collapse == "latest":
        return Skip.STALE
    if event.account == destination or destination in event.trail.split(","):
        return Skip.ECHO
    if flow.where is not None and not _wanted(flow, event, now):
        return Skip.FILTER
    return None


def _wanted(flow: Flow, event: Event, now: float) -> bool:
    assert flow.where is not None
    try:
        outputs = flow.where.run(json.decode(event.data), now=now, event=event.about())
    except MapFailed:
        return True
    return bool(outputs) and outputs[0] not in (False, None)


def verb_of(said: str, known_version: str) -> str:
    """A second `created` of an entity is an update."""
    return "updated" if said == "created" and known_version else said


def is_stale(version: str, known_version: str) -> bool:
    """Versions of one source compare as text."""
    return bool(version) and bool(known_version) and version < known_version


def need_key(outputs: Any) -> str:
    """What a need's key expression said: "" when nothing is needed."""
    return str(outputs[0]) if outputs and outputs[0] is not None and outputs[0] != "" else ""
