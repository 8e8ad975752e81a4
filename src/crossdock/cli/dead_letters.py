"""`crossdock dead-letters`: what was refused, or tried for too long."""

from __future__ import annotations

from typing import Annotated

import typer

from crossdock.cli import deliveries
from crossdock.cli.listing import Listing
from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder, Limit
from crossdock.cli.place import place_of
from crossdock.core.states import DeliveryState

group = typer.Typer(name="dead-letters", help="What was refused, or tried for too long.", cls=Listing)

Flow = Annotated[str, typer.Option("--flow", help="Only this flow's.")]
Id = Annotated[str, typer.Argument(metavar="ID")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]


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
    """The dead letters, and why they are."""
    deliveries.list_all(place_of(project, environment), DeliveryState.DEAD, flow, limit, as_json)


@group.command()
def show(identity: Id, project: Folder = HERE, environment: Environment = PRODUCTION, as_json: AsJson = False) -> None:
    """One of them, with what it was to send."""
    deliveries.show_one(place_of(project, environment), identity, as_json)


@group.command()
def retry(
    ids: Ids = None,
    everything: All = False,
    flow: Flow = "",
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> int:
    """Once the cause is mended: again, mapped anew. What is known to have happened is not repeated."""
    place = place_of(project, environment)
    return deliveries.decide(place, "retry", DeliveryState.DEAD, ids or [], flow, everything, as_json)


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
    return deliveries.decide(place, "discard", DeliveryState.DEAD, ids or [], flow, everything, as_json)
