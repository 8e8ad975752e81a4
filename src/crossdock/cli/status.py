"""`crossdock status`: how every connection and flow stands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from crossdock.cli.acting import acting, answers
from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder
from crossdock.cli.place import Place, place_of
from crossdock.cli.show import age, emit, instant, say, table
from crossdock.cli.story import TRIED_AGAIN
from crossdock.core.delivery import tries_of
from crossdock.core.errors import CrossdockError
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.store import Store
from crossdock.engine.journal import journals_of
from crossdock.engine.observe import lag_of

FOR_A_PERSON = (DeliveryState.HELD, DeliveryState.DEAD)
SHOWN = 3
"""of each flow's deliveries that are tried again, the next ones"""
LOOKED_AT = 1000


def add_to(app: typer.Typer) -> None:
    app.command(short_help="What came in, waits, went out, and needs a person.")(status)


def status(project: Folder = HERE, environment: Environment = PRODUCTION, as_json: AsJson = False) -> None:
    """What came in, what waits, what went out, and what needs a person."""
    place = place_of(project, environment)
    shown = asyncio.run(_status(place))
    if as_json:
        emit(shown)
    else:
        _tell(shown)


async def _status(place: Place) -> Mapping[str, Any]:
    running = await _running(place)
    if place.never_ran:
        connections = {name: _connection(name, {}, running) for name in place.connections}
        flows = {name: _flow(name, {}, 0, None, []) for name in place.flows}
    else:
        async with place.reading() as store:
            connections, flows = await _rows(store, place, running)
    return {
        "hub": place.name,
        "environment": place.environment,
        "running": running is not None,
        "refuses": running.get("refuses", "") if running else None,
        "connections": list(connections.values()),
        "flows": list(flows.values()),
    }


async def _running(place: Place) -> Mapping[str, Any] | None:
    """What only the running hub knows; None when none runs."""
    if not answers(place.socket_path):
        return None
    try:
        async with acting(place) as perform:
            return await perform("state")
    except CrossdockError:
        return None


async def _rows(store: Store, place: Place, running: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those of the project, and those that the store still knows."""
    tallies = await store.tallies()
    by_name: dict[tuple[str, str], dict[str, int]] = {}
    for (kind, name, state), amount in tallies.items():
        by_name.setdefault((kind, name), {})[state] = amount
    connections = {*place.connections, *(name for kind, name in by_name if kind == "message")}
    flows = {*place.flows, *(name for kind, name in by_name if kind == "delivery")}
    now = time.time()
    rows: dict[str, Any] = {}
    for name in sorted(flows):
        oldest = await store.oldest_open(name)
        waiting_s = max(now - oldest, 0.0) if oldest is not None else None
        lag = await lag_of(store, name) if name in place.flows else 0
        states = by_name.get(("delivery", name), {})
        trying = await _trying(store, name) if any(states.get(state) for state in TRIED_AGAIN) else []
        rows[name] = _flow(name, states, lag, waiting_s, trying)
    return {name: _connection(name, by_name.get(("message", name), {}), running) for name in sorted(connections)}, rows


async def _trying(store: Store, flow: str) -> list[Mapping[str, Any]]:
    """What is tried again next, and why it has to be."""
    rows = await store.deliveries(flow=flow, states=TRIED_AGAIN, limit=LOOKED_AT)
    rows = sorted(rows, key=lambda row: row.due_at)[:SHOWN]
    journals = await journals_of(store, rows)
    return [
        {
            "id": row.id,
            "key": row.key,
            "state": str(row.state),
            "attempts": tries_of(row, journals[row.id]),
            "next_attempt_at": instant(row.due_at),
            "reason": row.reason,
        }
        for row in rows
    ]


def _connection(name: str, states: Mapping[str, int], running: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "name": name,
        "accepted": sum(states.values()),
        **{str(state): states.get(state, 0) for state in MessageState},
        "paused": running["paused"].get(name, "") if running else None,
        "breaker_open": name in running["in_trouble"] if running else None,
        "trouble": running["in_trouble"].get(name, "") if running else None,
        "held_off_s": float(running.get("held_off_s", {}).get(name, 0.0)) if running else None,
        "failing_polls": _failing_polls(name, running.get("failing_polls", {})) if running else None,
    }


def _failing_polls(name: str, failing: Mapping[str, str]) -> dict[str, str]:
    """Poll → why it brings nothing in, of this connection."""
    return {poll.removeprefix(f"{name}/"): why for poll, why in failing.items() if poll.startswith(f"{name}/")}


def _flow(
    name: str, states: Mapping[str, int], lag: int, waiting_s: float | None, trying: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        "name": name,
        **{str(state): states.get(state, 0) for state in DeliveryState},
        "lag": lag,
        "oldest_waiting_s": round(waiting_s, 3) if waiting_s is not None else None,
        "trying": trying,
    }


def _tell(shown: Mapping[str, Any]) -> None:
    say(f"{shown['hub']} ({shown['environment']}) {'is running' if shown['running'] else 'is not running'}")
    say("")
    table(
        ("connection", "accepted#", "quarantined#", "state"),
        [(row["name"], f"{row['accepted']:,}", f"{row['quarantined']:,}", _state(row)) for row in shown["connections"]],
    )
    say("")
    columns = ("waiting", "sending", "retrying", "resolving", "held", "dead", "delivered")
    table(
        ("flow", *(f"{column}#" for column in columns), "lag#", "oldest#"),
        [
            (row["name"], *(f"{row[column]:,}" for column in columns), f"{row['lag']:,}", age(row["oldest_waiting_s"]))
            for row in shown["flows"]
        ],
    )
    _tell_what_is_tried_again(shown["flows"])
    _tell_what_needs_a_person(shown)


def _tell_what_is_tried_again(flows: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        (flow["name"], one["key"], one["state"], str(one["attempts"]), one["next_attempt_at"] or "now", one["reason"])
        for flow in flows
        for one in flow["trying"]
    ]
    if rows:
        say("")
        table(("next of", "key", "state", "attempts#", "tried again", "why"), rows)


def _state(row: Mapping[str, Any]) -> str:
    if row["paused"]:
        return f"paused: {row['paused']}"
    if row["breaker_open"]:
        return f"in trouble, tried now and then: {row['trouble']}"
    if row["held_off_s"]:
        return f"wants no calls for {age(row['held_off_s'])} more"
    return "; ".join(f"its poll {poll} fails: {why}" for poll, why in (row["failing_polls"] or {}).items())


def _tell_what_needs_a_person(shown: Mapping[str, Any]) -> None:
    waiting = {state: sum(row[state] for row in shown["flows"]) for state in FOR_A_PERSON}
    quarantined = sum(row["quarantined"] for row in shown["connections"])
    if shown["refuses"]:
        say("")
        say(f"! nothing that comes in is accepted: {shown['refuses']}")
    lines = [
        (waiting[DeliveryState.HELD], "held, for a person to decide: crossdock holds list"),
        (waiting[DeliveryState.DEAD], "dead: crossdock dead-letters list"),
        (quarantined, "in quarantine: crossdock quarantine list"),
    ]
    if any(amount for amount, _ in lines):
        say("")
    for amount, text in lines:
        if amount:
            say(f"! {amount:,} {text}")
