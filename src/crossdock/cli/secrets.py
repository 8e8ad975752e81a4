"""`crossdock secrets`: what connections are let in with. Values are typed or piped in."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from crossdock.cli.acting import acting
from crossdock.cli.listing import Listing
from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder
from crossdock.cli.place import Place, place_of
from crossdock.cli.show import emit, note, say, table
from crossdock.core.errors import UsageError
from crossdock.project import check_project, load_project
from crossdock.security.keyring import load_keyring
from crossdock.security.vault import Vault

group = typer.Typer(name="secrets", help="What connections are let in with.", cls=Listing)

Connection = Annotated[str, typer.Argument(help="The connection.")]
MOST_CHARACTERS = 65_536


def add_to(app: typer.Typer) -> None:
    app.add_typer(group)


@group.command("set")
def set_secret(
    connection: Connection,
    name: Annotated[str, typer.Argument(help="Which secret, such as token or webhook_secret.")],
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> None:
    """Keeps a secret in the vault. Its value is asked for, or read from standard input."""
    place = place_of(project, environment)
    value = _asked(f"{name} of {connection}: ")
    asyncio.run(_act(place, "set-secret", connection=connection, field=name, value=value))
    wanted = _wanted(place, connection)
    if as_json:
        emit({"connection": connection, "name": name, "wanted": name in wanted})
        return
    say(f"{name} of {connection} is in the vault")
    if wanted and name not in wanted:
        note(f"! {connection} does not ask for {name}; it asks for {', '.join(wanted)}")


def _wanted(place: Place, connection: str) -> tuple[str, ...]:
    """What it asks for, as far as the project says."""
    checked = check_project(place.folder, place.environment)
    found = checked.project.landscape.connections.get(connection) if checked.project else None
    if found is None:
        return ()
    webhook = found.connector.webhook
    return (*found.connector.secrets, *([f"{webhook.secret}_previous"] if webhook else []))


def _asked(prompt: str) -> str:
    if sys.stdin.isatty():
        from getpass import getpass

        value = getpass(prompt)
    else:
        value = sys.stdin.read(MOST_CHARACTERS + 1).rstrip("\r\n")
    if not value or len(value) > MOST_CHARACTERS:
        raise UsageError("the value is empty or too long", hint="type it, or pipe it in; nothing was changed")
    return value


@group.command("list")
def list_all(project: Folder = HERE, environment: Environment = PRODUCTION, as_json: AsJson = False) -> None:
    """Which secrets there are, and which are wanted; never their values."""
    place = place_of(project, environment)
    held = asyncio.run(_names(place))
    wanted = {
        name: connection.connector.secrets
        for name, connection in load_project(project, environment).landscape.connections.items()
    }
    rows = [
        {"connection": connection, "name": name, "set": name in held.get(connection, ())}
        for connection in sorted({*held, *wanted})
        for name in sorted({*held.get(connection, ()), *wanted.get(connection, ())})
    ]
    if as_json:
        emit(rows)
    else:
        table(
            ("connection", "secret", ""), [(r["connection"], r["name"], "set" if r["set"] else "missing") for r in rows]
        )


async def _names(place: Place) -> Mapping[str, tuple[str, ...]]:
    if place.never_ran:
        return {}
    async with place.reading() as store:
        return await Vault(store, load_keyring(place.folder)).names()


@group.command()
def delete(
    connection: Connection,
    name: Annotated[str, typer.Argument(help="Which one; without it, all of the connection.")] = "",
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> None:
    """Forgets a secret."""
    asyncio.run(_act(place_of(project, environment), "delete-secret", connection=connection, field=name))
    if as_json:
        emit({"connection": connection, "name": name})
    else:
        say(f"{name or 'everything'} of {connection} is gone from the vault")


@group.command()
def rotate(project: Folder = HERE, environment: Environment = PRODUCTION, as_json: AsJson = False) -> None:
    """Makes a new vault key and locks everything with it."""
    done = asyncio.run(_act(place_of(project, environment), "rotate-key"))
    if as_json:
        emit({"key": done["key"], "relocked": done["relocked"]})
    else:
        say(f"{done['relocked']} secrets are locked with the new key {done['key']}; the old one is gone")


async def _act(place: Place, act: str, **said: Any) -> Mapping[str, Any]:
    async with acting(place) as perform:
        return await perform(act, **said)
