"""The judge of real hubs: what their senders were told was accepted, and what the oracle saw happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from crossdock.core.states import OPEN, DeliveryState
from crossdock.core.store import Store
from crossdock.engine.audit import audit
from crossdock.stores import open_for_reading
from crossdock.testing.chaos.landing import FLOWS, Senders
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.oracle import Oracle
from crossdock.testing.live import store_url_of

MOST_ROWS = 100_000


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
        held = {
            row.key: row for row in await store.deliveries(flow="none", states=[DeliveryState.HELD], limit=MOST_ROWS)
        }
        for one in await audit(store):
            if not one.agrees:
                ledger.find("silent", f"{one.scope}: {one.what}: {one.counted} counted, {one.found} found")
    finally:
        await store.close()
    ledger.held += len(held)
    for person, said in senders.accepted.items():
        ledger.accepted += len(said)
        key = f"in:{person}"
        wanted = [] if person in senders.refused else said
        for flow in flows:
            made = there.made[flow][key]
            ledger.effects += len(made)
            _judge_entity(ledger, flow, key, wanted, made, is_held=flow == "none" and key in held)
        for flow in ("upsert", "lookup"):
            records = [name for name, record in there.records[flow].items() if record["entity"] == key]
            if len(records) > 1:
                ledger.find("doubled", f"{flow}: {key} has {len(records)} records", len(records) - 1)


def _judge_entity(
    ledger: Ledger, flow: str, key: str, wanted: Sequence[str], made: Sequence[str], *, is_held: bool
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
    missing = [value for value in wanted if value not in made]
    if missing and not is_held:
        ledger.find("lost", f"{flow}: {key} was never told {', '.join(missing)}", len(missing))
