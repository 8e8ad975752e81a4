"""A person at the command line of a real hub, before deliveries that it holds: looks at the destination and decides."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from crossdock.core import json
from crossdock.core.delivery import Delivery
from crossdock.core.states import DeliveryState
from crossdock.testing.chaos.ending import finish
from crossdock.testing.chaos.landing import Senders
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.oracle import Oracle
from crossdock.testing.chaos.reckoning import MOST_ROWS, opened
from crossdock.testing.live import command

SAVED = "saved 500"
LOOKS = 6
"""Behind what a person lets go there may be another."""


def finish_and_decide(ledger: Ledger, project: Path, senders: Senders, there: Oracle, flows: Sequence[str]) -> None:
    """A last hub, and a person after it. What a native key answers for good as if it had failed must be before them,
    and nothing else of that class: they see that it happened, and adopt it; and what waits behind it goes on."""
    seen: set[str] = set()
    there.saves_failures = 0.0
    for _ in range(LOOKS):
        finish(ledger, project, senders, flows)
        held = asyncio.run(held_at(project, "native"))
        if not held:
            break
        for address, row in held.items():
            if address in seen or address not in there.failing:
                ledger.find("stuck", f"native: {address} is held: {row.reason}")
            _adopt(project, row, there)
        seen |= held.keys()
    for missed in sorted(there.failing - seen):
        ledger.find("silent", f"native: {missed} was answered 500 for good, and nobody was asked")
    ledger.harms[SAVED] += len(seen)


async def held_at(project: Path, flow: str) -> Mapping[str, Delivery]:
    """By the address that it tells."""
    return {address: row for (name, address), row in (await _held(project)).items() if name == flow}


async def held_for(project: Path, reason: str) -> Mapping[tuple[str, str], Delivery]:
    """By flow and the address that it tells."""
    return {place: row for place, row in (await _held(project)).items() if row.reason == reason}


async def _held(project: Path) -> Mapping[tuple[str, str], Delivery]:
    store = opened(project)
    try:
        rows = await store.deliveries(states=[DeliveryState.HELD], limit=MOST_ROWS)
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
            _adopt(project, row, there)
        else:
            command(project, "holds", "resend", row.id)


def _adopt(project: Path, row: Delivery, there: Oracle) -> None:
    records = [name for name, record in there.records[row.flow].items() if record["entity"] == row.key]
    command(project, "holds", "adopt", row.id, records[-1])
