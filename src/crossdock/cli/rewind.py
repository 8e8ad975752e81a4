"""`crossdock rewind` and `crossdock perform-again`: reading again, and on purpose doing again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from crossdock.cli.acting import acting
from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder
from crossdock.cli.place import Place, place_of
from crossdock.cli.show import emit, say


def add_to(app: typer.Typer) -> None:
    app.command(short_help="Lets a flow read the events again.")(rewind)
    app.command("perform-again", short_help="Does a delivery once more, on purpose.")(perform_again)


def rewind(
    flow: Annotated[str, typer.Argument(help="The flow.")],
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> None:
    """Lets a flow read the events from the oldest one on again. What it has delivered is not delivered twice."""
    done = asyncio.run(_act(place_of(project, environment), "rewind", flow=flow))
    if as_json:
        emit({"flow": flow})
    else:
        say(f"{done['flow']} reads from the beginning of the events again; what is settled stays settled")


def perform_again(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The delivery.")],
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> None:
    """Does a delivery once more, on purpose: new effects, with keys of their own."""
    done = asyncio.run(_act(place_of(project, environment), "perform-again", id=identity))
    if as_json:
        emit({"id": done["id"]})
    else:
        say(f"performed again as delivery {done['id']}")


async def _act(place: Place, act: str, **said: Any) -> Mapping[str, Any]:
    async with acting(place) as perform:
        return await perform(act, **said)
