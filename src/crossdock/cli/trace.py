"""`crossdock trace`: the whole life of an order across systems."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder
from crossdock.cli.place import Place, place_of
from crossdock.cli.show import emit, stdout
from crossdock.cli.story import as_document, as_tree
from crossdock.core.errors import UsageError
from crossdock.engine.trace import Story
from crossdock.engine.trace import trace as trace_store


def add_to(app: typer.Typer) -> None:
    app.command(short_help="The whole life of a record across systems.")(trace)


def trace(
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="KEY|ID",
            help="An entity's key, the id of a delivery, event or message (ours or its sender's), a record's id, or "
            "an order's number.",
        ),
    ],
    bodies: Annotated[bool, typer.Option("--bodies", help="With what came in and what was sent.")] = False,
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> None:
    """Tells in order what came in, what it meant, what was sent, and which records belong together."""
    story, texts = asyncio.run(_story(place_of(project, environment), wanted, bodies))
    if as_json:
        emit(as_document(story, texts))
    else:
        stdout().print(as_tree(story, texts))


async def _story(place: Place, wanted: str, bodies: bool) -> tuple[Story, dict[str, Any]]:
    """The story, and message id → its body as text, where it is wanted and still kept."""
    async with place.reading() as store:
        story = await trace_store(store, wanted, place.connections)
        if story is None:
            raise UsageError(
                f"nothing is known of {wanted!r}",
                hint="give an entity's key (connection:id), a record's id, an order's number, the id that its sender "
                "gave a message, or an id from a list",
            )
        kept = await store.payloads([message.body for message in story.messages]) if bodies else {}
    texts = {one.id: kept[one.body.id].decode("utf-8", "replace") for one in story.messages if one.body.id in kept}
    return story, texts
