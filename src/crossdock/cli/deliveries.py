"""What the command groups for deliveries that wait for a person have in common: dead letters and holds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from crossdock.cli.acting import acting, for_each
from crossdock.cli.place import Place
from crossdock.cli.show import emit, instant, note, say, since, table
from crossdock.core.delivery import Delivery, Exchange, tries_of
from crossdock.core.errors import UsageError
from crossdock.core.states import DeliveryState
from crossdock.core.store import Store
from crossdock.engine.item import thaw
from crossdock.engine.journal import journals_of

MOST = 100_000


def list_all(place: Place, state: DeliveryState, flow: str, limit: int, as_json: bool) -> None:
    rows, journals = asyncio.run(_listed(place, state, flow, limit))
    if as_json:
        emit([document(row, journals[row.id]) for row in rows])
        return
    if not rows:
        say("none")
        return
    table(
        ("id", "flow", "key", "for", "attempts#", "why"),
        [
            (row.id, row.flow, row.key, since(row.planned_at), tries_of(row, journals[row.id]), row.reason)
            for row in rows
        ],
    )
    if len(rows) == limit:
        note(f"the first {limit}; more with --limit")


async def _listed(
    place: Place, state: DeliveryState, flow: str, limit: int
) -> tuple[Sequence[Delivery], Mapping[str, Sequence[Exchange]]]:
    """With the journal of each, by its id."""
    async with place.reading() as store:
        rows = await store.deliveries(flow=flow, states=[state], limit=limit)
        return rows, await journals_of(store, rows)


async def _read(place: Place, state: DeliveryState, flow: str, limit: int) -> Sequence[Delivery]:
    async with place.reading() as store:
        return await store.deliveries(flow=flow, states=[state], limit=limit)


def show_one(place: Place, identity: str, as_json: bool) -> None:
    """With what it was to send, and what was sent."""
    shown = asyncio.run(_whole(place, identity))
    if as_json:
        emit(shown)
        return
    for name in ("id", "flow", "state", "reason", "key", "event", "attempts", "planned_at"):
        say(f"{name:<11} {shown[name]}")
    for item in shown["items"]:
        say(f"{'input':<11} {item['input']}")
    for exchange in shown["exchanges"]:
        say(f"{'exchange':<11} {exchange['step']}: {exchange['state']} after {exchange['attempts']} {exchange['why']}")


async def _whole(place: Place, identity: str) -> Mapping[str, Any]:
    async with place.reading() as store:
        row = await one(store, identity)
        journal = await store.exchanges([row.batch or row.id])
    return {
        **document(row, journal),
        "items": [{"id": item.id, "input": item.input} for item in (thaw(row.outbound) if row.outbound else ())],
        "exchanges": [
            {
                "step": exchange.step,
                "state": str(exchange.state),
                "attempts": exchange.attempts,
                "why": exchange.why,
            }
            for exchange in journal
        ],
    }


async def one(store: Store, identity: str) -> Delivery:
    rows = await store.deliveries([identity])
    if not rows:
        raise UsageError(f"no delivery {identity}", hint="list them: crossdock dead-letters list, crossdock holds list")
    return rows[0]


def document(row: Delivery, journal: Sequence[Exchange]) -> dict[str, Any]:
    return {
        "id": row.id,
        "flow": row.flow,
        "state": str(row.state),
        "reason": row.reason,
        "key": row.key,
        "event": row.event_id,
        "attempts": tries_of(row, journal),
        "generation": row.generation,
        "planned_at": instant(row.planned_at),
    }


def decide(
    place: Place, act: str, state: DeliveryState, ids: Sequence[str], flow: str, everything: bool, as_json: bool
) -> int:
    """The act for these deliveries, or for all in the state (of one flow). The exit code."""
    if bool(ids) == everything:
        raise UsageError("name deliveries by their ids, or say --all", hint="--all may be bounded by --flow NAME")
    return answered(asyncio.run(_decide(place, act, state, ids, flow)), act, as_json)


async def _decide(place: Place, act: str, state: DeliveryState, ids: Sequence[str], flow: str) -> Mapping[str, Any]:
    if not ids:
        ids = [row.id for row in await _read(place, state, flow, MOST)]
    async with acting(place) as perform:
        return await for_each(perform, act, ids, act)


def answered(answer: Mapping[str, Any], act: str, as_json: bool) -> int:
    """What came of one act for many; the exit code."""
    if as_json:
        emit({"done": answer["done"], "failed": answer["failed"]})
    else:
        say(f"{act}: {len(answer['done'])} done" + (f", {len(answer['failed'])} not" if answer["failed"] else ""))
        for failure in answer["failed"]:
            say(f"  {failure['id']}: {failure['error']}")
            if failure["hint"]:
                say(f"    {failure['hint']}")
    return 1 if answer["failed"] else 0
