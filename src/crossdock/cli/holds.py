"""`crossdock holds`: what may have happened, and what only a person can decide."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from crossdock.cli import deliveries
from crossdock.cli.acting import acting
from crossdock.cli.dead_letters import All, Flow, Id, Ids
from crossdock.cli.listing import Listing
from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder, Limit
from crossdock.cli.place import Place, place_of
from crossdock.cli.show import emit, instant, say
from crossdock.core import json
from crossdock.core.delivery import Exchange
from crossdock.core.states import DeliveryState
from crossdock.core.wire import thaw as thaw_wire
from crossdock.engine.item import thaw
from crossdock.engine.known import Known, choices, guarantee_of, known_of

group = typer.Typer(name="holds", help="What only a person can decide.", cls=Listing)


def add_to(app: typer.Typer) -> None:
    app.add_typer(group)


@group.command("list")
def list_all(
    flow: Flow = "",
    limit: Limit = 100,
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> None:
    """The held deliveries, and why they are."""
    deliveries.list_all(place_of(project, environment), DeliveryState.HELD, flow, limit, as_json)


@group.command()
def show(identity: Id, project: Folder = HERE, environment: Environment = PRODUCTION, as_json: AsJson = False) -> None:
    """Tells what is known of one: what was asked and answered, what was looked up, what each decision would do."""
    known = asyncio.run(_known(place_of(project, environment), identity))
    if as_json:
        emit(_document(known))
    else:
        _tell(known)


async def _known(place: Place, identity: str) -> Known:
    async with place.reading() as store:
        return await known_of(store, await deliveries.one(store, identity))


def _document(known: Known) -> Mapping[str, Any]:
    row = known.delivery
    return {
        **deliveries.document(row, known.exchanges),
        "items": [{"id": item.id, "input": item.input} for item in (thaw(row.outbound) if row.outbound else ())],
        "exchanges": [
            {
                "step": exchange.step,
                "effect": exchange.effect and str(exchange.effect),
                "guarantee": guarantee_of(exchange),
                **_request(exchange),
                "state": str(exchange.state),
                "why": exchange.why,
                "answer": exchange.answer.decode("utf-8", "replace"),
                "first_sent_at": instant(exchange.first_sent_at),
                "attempts": [
                    {
                        "at": instant(one.started_at),
                        "status": one.status,
                        "outcome": str(one.outcome),
                        "detail": one.detail,
                    }
                    for one in known.attempts[exchange.id]
                ],
            }
            for exchange in known.exchanges
        ],
        "look_ups": [
            {"at": instant(one.at), "found": one.found, "certain": one.certain, "why": one.why}
            for one in known.look_ups
        ],
        "records": [
            {"account": one.account, "model": one.model, "state": str(one.state), "remote_id": one.remote_id}
            for one in known.references
        ],
        "choices": choices(known),
    }


def _request(exchange: Exchange) -> Mapping[str, str]:
    request = thaw_wire(exchange.request)
    return {"method": request.method, "url": request.url, "body": request.body.decode("utf-8", "replace")}


def _tell(known: Known) -> None:
    shown = _document(known)
    for name in ("id", "flow", "key", "state", "reason", "planned_at"):
        say(f"{name:<11} {shown[name]}")
    for item in shown["items"]:
        say(f"{'input':<11} {json.encode(item['input']).decode()}")
    for exchange in shown["exchanges"]:
        say("")
        said = f": {exchange['why']}" if exchange["why"] else ""
        say(f"{exchange['step']:<11} {exchange['state']}{said}")
        if exchange["guarantee"]:
            say(f"{'':<11} {exchange['effect']}: {exchange['guarantee']}")
        say(f"{'':<11} asked {exchange['method']} {exchange['url']} {exchange['body']}")
        if exchange["answer"]:
            say(f"{'':<11} answered {exchange['answer']}")
        for one in exchange["attempts"]:
            status = f"answered {one['status']}" if one["status"] else "no answer"
            say(f"{'':<11} {one['at']}  {status}: {one['outcome']}  {one['detail']}")
    say("")
    for one in shown["look_ups"]:
        doubt = "" if one["certain"] else f", not certain: {one['why']}"
        say(f"{'looked up':<11} {one['at']}  found {', '.join(one['found']) or 'nothing'}{doubt}")
    for one in shown["records"]:
        say(f"{'record':<11} {one['account']}: {one['model']} {one['remote_id'] or one['state']}")
    for act, meaning in shown["choices"].items():
        words = f"{act} {shown['id']}{' REMOTE_ID' if act == 'adopt' else ''}"
        say(f"{'decide':<11} crossdock holds {words}")
        say(f"{'':<11}   {meaning}")


@group.command()
def adopt(
    identity: Id,
    remote_id: Annotated[str, typer.Argument(help="The record's id at the destination.")],
    item: Annotated[str, typer.Option(help="Which of its items, where it makes several.")] = "",
    shared: Annotated[
        bool, typer.Option("--shared", help="Another entity has this record already: they are one there.")
    ] = False,
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> None:
    """It has happened: this is its record."""
    state = asyncio.run(_adopt(place_of(project, environment), identity, remote_id, item, shared))
    if as_json:
        emit({"id": identity, "remote_id": remote_id, "state": state})
    else:
        say(f"{identity} is {state}, with {remote_id} as {f'the record of {item}' if item else 'its record'}")


async def _adopt(place: Place, identity: str, remote_id: str, item: str, shared: bool) -> str:
    async with acting(place) as perform:
        return str((await perform("adopt", id=identity, remote_id=remote_id, item=item, shared=shared))["state"])


@group.command()
def retry(
    ids: Ids = None,
    everything: All = False,
    flow: Flow = "",
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> int:
    """Again, mapped anew; for those that are known not to have happened."""
    place = place_of(project, environment)
    return deliveries.decide(place, "retry", DeliveryState.HELD, ids or [], flow, everything, as_json)


@group.command()
def resend(
    ids: Ids = None,
    everything: All = False,
    flow: Flow = "",
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> int:
    """The same bytes again, although it may have happened."""
    place = place_of(project, environment)
    return deliveries.decide(place, "resend", DeliveryState.HELD, ids or [], flow, everything, as_json)


@group.command()
def discard(
    ids: Ids = None,
    everything: All = False,
    flow: Flow = "",
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> int:
    """Given up for good; the later events of the key go on."""
    place = place_of(project, environment)
    return deliveries.decide(place, "discard", DeliveryState.HELD, ids or [], flow, everything, as_json)
