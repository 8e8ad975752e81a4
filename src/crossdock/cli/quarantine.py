"""`crossdock quarantine`: messages that could not be understood."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from crossdock.cli.acting import acting, for_each
from crossdock.cli.dead_letters import All, Id, Ids
from crossdock.cli.deliveries import MOST, answered
from crossdock.cli.listing import Listing
from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder, Limit
from crossdock.cli.place import Place, place_of
from crossdock.cli.show import emit, instant, note, say, since, table
from crossdock.core.errors import UsageError
from crossdock.core.message import Message
from crossdock.core.states import MessageState

group = typer.Typer(name="quarantine", help="Messages that could not be understood.", cls=Listing)

Connection = Annotated[str, typer.Option("--connection", help="Only this connection's.")]
SHOWN_BYTES = 16_384


def add_to(app: typer.Typer) -> None:
    app.add_typer(group)


@group.command("list")
def list_all(
    connection: Connection = "",
    limit: Limit = 100,
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> None:
    """The messages in quarantine, the newest first, and why they are."""
    messages = asyncio.run(_read(place_of(project, environment), connection, limit))
    if as_json:
        emit([_document(message) for message in messages])
        return
    if not messages:
        say("none")
        return
    rows = [(one.id, one.connection, one.topic, since(one.received_at), one.reason) for one in messages]
    table(("id", "connection", "topic", "for", "why"), rows)
    if len(messages) == limit:
        note(f"the newest {limit}; more with --limit")


async def _read(place: Place, connection: str, limit: int) -> Sequence[Message]:
    async with place.reading() as store:
        return await store.messages(connection=connection, state=MessageState.QUARANTINED, limit=limit)


@group.command()
def show(identity: Id, project: Folder = HERE, environment: Environment = PRODUCTION, as_json: AsJson = False) -> None:
    """One of them, as it came."""
    shown = asyncio.run(_whole(place_of(project, environment), identity))
    if as_json:
        emit(shown)
        return
    for name in ("id", "connection", "topic", "state", "reason", "received_at", "bytes"):
        say(f"{name:<11} {shown[name]}")
    say("")
    say(shown["body"])


async def _whole(place: Place, identity: str) -> Mapping[str, Any]:
    async with place.reading() as store:
        messages = await store.messages([identity])
        if not messages:
            raise UsageError(f"no message {identity}", hint="list them: crossdock quarantine list")
        kept = await store.payloads([messages[0].body])
    body = kept.get(messages[0].body.id)
    text = "(its bytes are not kept any more)" if body is None else body[:SHOWN_BYTES].decode("utf-8", "replace")
    return {**_document(messages[0]), "bytes": messages[0].body.size_bytes, "body": text}


def _document(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "connection": message.connection,
        "topic": message.topic,
        "state": str(message.state),
        "reason": message.reason,
        "received_at": instant(message.received_at),
    }


@group.command()
def retry(
    ids: Ids = None,
    everything: All = False,
    connection: Connection = "",
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> int:
    """Once the map is mended: read anew, with today's maps."""
    return _decide(place_of(project, environment), "retry-message", ids or [], everything, connection, as_json)


@group.command()
def discard(
    ids: Ids = None,
    everything: All = False,
    connection: Connection = "",
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> int:
    """Given up for good."""
    return _decide(place_of(project, environment), "discard-message", ids or [], everything, connection, as_json)


def _decide(place: Place, act: str, ids: list[str], everything: bool, connection: str, as_json: bool) -> int:
    if bool(ids) == everything:
        raise UsageError("name messages by their ids, or say --all", hint="--all may be bounded by --connection NAME")
    return answered(asyncio.run(_act(place, act, ids, connection)), act.removesuffix("-message"), as_json)


async def _act(place: Place, act: str, ids: Sequence[str], connection: str) -> Mapping[str, Any]:
    if not ids:
        ids = [message.id for message in await _read(place, connection, MOST)]
    async with acting(place) as perform:
        return await for_each(perform, act, ids, act)
