"""`crossdock holds`: what may have happened, and what only a person can decide."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from crossdock.cli import deliveries
from crossdock.cli.acting import acting
from crossdock.cli.dead_letters import All, Flow, Id, Ids
from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder, Limit
from crossdock.cli.place import Place, place_of
from crossdock.cli.show import emit, say
from crossdock.core.states import DeliveryState

group = typer.Typer(name="holds", help="What only a person can decide.", no_args_is_help=True)


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
    """One of them, with what was sent."""
    deliveries.show_one(place_of(project, environment), identity, as_json)


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
