"""The judge of real hubs: what their senders were told was accepted, and what the oracle saw happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from crossdock.core import json
from crossdock.core.states import OPEN, DeliveryState
from crossdock.core.store import Store
from crossdock.engine.audit import audit
from crossdock.stores import open_for_reading
from crossdock.testing.chaos.landing import FLOWS, Senders
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.oracle import Oracle
from crossdock.testing.live import store_url_of

MOST_ROWS = 100_000
AT_ONCE = 500


def opened(project: Path) -> Store:
    return open_for_reading(store_url_of(project))


async def at_rest(project: Path, flows: Sequence[str] = FLOWS) -> bool:
    store = opened(project)
    try:
        if (await store.tallies()).get(("message", "in", "received")):
            return False
        heads = list(await store.heads("events"))
        for flow in flows:
            if list(await store.positions(f"flow/{flow}", "events")) != heads:
                return False
            parked: set[str] = set()
            for row in sorted(await store.deliveries(flow=flow, limit=MOST_ROWS), key=lambda row: row.number):
                if row.state in {DeliveryState.HELD, DeliveryState.DEAD}:
                    parked.add(row.partitionkey)
                elif row.state in OPEN and row.partitionkey not in parked:
                    return False
        return True
    finally:
        await store.close()


async def judge(ledger: Ledger, project: Path, senders: Senders, there: Oracle, flows: Sequence[str] = FLOWS) -> None:
    store = opened(project)
    try:
        states = {flow: await _states(store, flow) for flow in flows}
        for one in await audit(store):
            if not one.agrees:
                ledger.find("silent", f"{one.scope}: {one.what}: {one.counted} counted, {one.found} found")
    finally:
        await store.close()
    for said in senders.accepted.values():
        ledger.accepted += len(said)
    for flow in flows:
        _judge_flow(ledger, flow, senders, there, states[flow])


async def _states(store: Store, flow: str) -> Mapping[str, DeliveryState]:
    """Address → what has become of its delivery."""
    rows = await store.deliveries(flow=flow, limit=MOST_ROWS)
    ids = [row.event_id for row in rows]
    events = {
        event.id: str(json.decode(event.data)["email"])
        for start in range(0, len(ids), AT_ONCE)
        for event in await store.events(ids[start : start + AT_ONCE], limit=AT_ONCE)
    }
    return {events[row.event_id]: row.state for row in rows}


def _judge_flow(
    ledger: Ledger, flow: str, senders: Senders, there: Oracle, states: Mapping[str, DeliveryState]
) -> None:
    for person, said in senders.accepted.items():
        key = f"in:{person}"
        made = there.made[flow][key]
        ledger.effects += len(made)
        if person in senders.refused:
            if states.get(said[0]) not in {DeliveryState.DEAD, DeliveryState.HELD}:
                ledger.find("silent", f"{flow}: {said[0]} was refused, and is {states.get(said[0], 'nowhere')}")
            _judge_entity(ledger, flow, key, [], made)
            continue
        _judge_entity(ledger, flow, key, said, made, _excused(said, states) if flow == "none" else ())
        records = [name for name, record in there.records[flow].items() if record["entity"] == key]
        if flow in {"upsert", "lookup"} and len(records) > 1:
            ledger.find("doubled", f"{flow}: {key} has {len(records)} records", len(records) - 1)
    if flow == "none":
        ledger.held += sum(state is DeliveryState.HELD for state in states.values())
        for value in sorted(there.unheard[flow]):
            if states.get(value) is not DeliveryState.HELD:
                ledger.find("silent", f"the outcome of {value} is unknown, and it is {states.get(value, 'nowhere')}")


def _excused(said: Sequence[str], states: Mapping[str, DeliveryState]) -> Sequence[str]:
    """What a person decides on, and what waits behind it."""
    held = [place for place, value in enumerate(said) if states.get(value) is DeliveryState.HELD]
    if not held:
        return ()
    return [
        value
        for place, value in enumerate(said)
        if states.get(value) is DeliveryState.HELD or (place > held[0] and states.get(value) in OPEN)
    ]


def _judge_entity(
    ledger: Ledger, flow: str, key: str, wanted: Sequence[str], made: Sequence[str], excused: Sequence[str] = ()
) -> None:
    places: Mapping[str, int] = {value: place for place, value in enumerate(wanted)}
    for value in made:
        if value not in places:
            ledger.find("phantoms", f"{flow}: {key} was told {value}")
            return
    order = [places[value] for value in made]
    if order != sorted(order):
        ledger.find("inversions", f"{flow}: {key} was told {', '.join(made)}")
    if flow in {"native", "none", "inbox"} and len(set(made)) != len(made):
        ledger.find("doubled", f"{flow}: {key} was told {', '.join(made)}")
    missing = [value for value in wanted if value not in made and value not in excused]
    if missing:
        ledger.find("lost", f"{flow}: {key} was never told {', '.join(missing)}", len(missing))
