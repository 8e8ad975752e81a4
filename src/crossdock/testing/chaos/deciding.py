"""A person at the command line of a real hub, before deliveries that it holds: looks at the destination and decides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from crossdock.core import json
from crossdock.core.delivery import Delivery
from crossdock.core.states import DeliveryState
from crossdock.testing.chaos.oracle import Oracle
from crossdock.testing.chaos.reckoning import MOST_ROWS, opened
from crossdock.testing.live import command


async def held_for(project: Path, reason: str) -> Mapping[tuple[str, str], Delivery]:
    """By flow and the address that it tells."""
    store = opened(project)
    try:
        rows = await store.deliveries(states=[DeliveryState.HELD], limit=MOST_ROWS)
        rows = [row for row in rows if row.reason == reason]
        events = {event.id: event for event in await store.events([row.event_id for row in rows], limit=MOST_ROWS)}
    finally:
        await store.close()
    return {(row.flow, str(json.decode(events[row.event_id].data)["email"])): row for row in rows}


def let_go(project: Path, held: Mapping[tuple[str, str], Delivery], there: Oracle) -> None:
    """They go again. One that may have happened is refused that: it is adopted where it is there, and else resent. At
    the class none it stays held, since the judge asks for that."""
    if not held:
        return
    _, said = command(project, "holds", "retry", *(row.id for row in held.values()))
    refused = {failure["id"] for failure in said["failed"]}
    for (flow, address), row in held.items():
        if row.id not in refused or flow == "none":
            continue
        if address in there.made[flow][row.key]:
            records = [name for name, record in there.records[flow].items() if record["entity"] == row.key]
            command(project, "holds", "adopt", row.id, records[-1])
        else:
            command(project, "holds", "resend", row.id)
