"""`crossdock connect`: a person lets the hub into an account, in a browser (authorization code with PKCE)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import webbrowser
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

import typer

from crossdock.cli.acting import Perform, acting
from crossdock.cli.callback import Callback
from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder
from crossdock.cli.place import Place, place_of
from crossdock.cli.show import emit, note, say
from crossdock.core.errors import CredentialError, UsageError

PATIENCE_S = 600.0


def add_to(app: typer.Typer) -> None:
    app.command(short_help="Lets the hub into an account, in a browser.")(connect)


def connect(
    connection: Annotated[str, typer.Argument(help="The connection.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where the browser comes back to, on this machine.")
    ] = 8421,
    redirect_uri: Annotated[
        str, typer.Option(help="As it is registered at the platform, where it is not this machine's.")
    ] = "",
    callback_url: Annotated[
        bool, typer.Option("--callback-url", help="No browser here: paste the address where it ended.")
    ] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
    new_account: Annotated[
        bool, typer.Option("--new-account", help="It leads to another account from now on.")
    ] = False,
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> None:
    """Lets the hub into an account: opens the platform's page, waits until you agreed, keeps the tokens."""
    if redirect_uri and not callback_url:
        raise UsageError("--redirect-uri needs --callback-url", hint="the browser will not come back to this machine")
    place = place_of(project, environment)
    done = asyncio.run(_connect(place, connection, port, redirect_uri, callback_url, browser, new_account))
    if as_json:
        emit({"connection": connection, "account": done["account"]})
    else:
        say(f"{connection} is connected to {done['account']}")


async def _connect(
    place: Place, connection: str, port: int, redirect_uri: str, paste: bool, browser: bool, new_account: bool
) -> Mapping[str, Any]:
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    async with acting(place) as perform, Callback(port, listens=not paste) as callback:
        redirect_uri = redirect_uri or callback.url
        url = await page(perform, connection, redirect_uri, state, verifier)
        note(f"open this page and agree:\n\n{url}\n")
        if browser and not paste:
            webbrowser.open(url)
        query = _pasted() if paste else await callback.query(PATIENCE_S)
        if not secrets.compare_digest(query.get("state", "").encode(), state.encode()):
            raise CredentialError(
                "what came back does not belong to this request: it is not used",
                hint=f"start again: crossdock connect {connection}",
            )
        return await perform(
            "redeem",
            connection=connection,
            redirect_uri=redirect_uri,
            verifier=verifier,
            callback=query,
            new_account=new_account,
        )


async def page(perform: Perform, connection: str, redirect_uri: str, state: str, verifier: str) -> str:
    """The platform's page on which a person agrees; `verifier` is the secret half of PKCE."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    said = {"connection": connection, "redirect_uri": redirect_uri, "state": state, "challenge": challenge}
    return str((await perform("authorize", **said))["url"])


def _pasted() -> dict[str, str]:
    note("paste the whole address of the page where the browser ended:")
    return dict(parse_qsl(urlsplit(input().strip()).query))
