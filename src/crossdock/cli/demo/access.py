"""Lets the hub into the three platforms, as `crossdock secrets set` and `crossdock connect` do."""

from __future__ import annotations

import secrets as chance
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from crossdock.cli.acting import Perform, acting
from crossdock.cli.connect import page
from crossdock.cli.demo.desk import Desk
from crossdock.cli.place import Place
from crossdock.core.errors import CredentialError

CALLBACK: Final = "http://localhost:8421/callback"
"""Nobody listens there: the demo's browser reads where it is sent, and goes no further."""

COPIED: Final[Mapping[str, tuple[str, ...]]] = {
    "shopify": ("client_id", "client_secret", "access_token"),
    "quickbooks": ("client_id", "client_secret", "verifier_token"),
    "hubspot": ("client_secret", "access_token"),
}
"""connection → what a person copies from the platform's pages"""
BY_CONSENT: Final = ("quickbooks",)
"""connections whose tokens come by a page on which a person agrees"""


async def let_in(place: Place, desks: Mapping[str, Desk], session: aiohttp.ClientSession) -> None:
    """Raises CrossdockError."""
    async with acting(place) as perform:
        for connection, names in COPIED.items():
            for name in names:
                value = desks[connection].credentials[name]
                await perform("set-secret", connection=connection, field=name, value=value)
        for connection in BY_CONSENT:
            await _connect(perform, connection, session)


async def _connect(perform: Perform, connection: str, session: aiohttp.ClientSession) -> None:
    """A person who agrees to everything."""
    state, verifier = chance.token_urlsafe(24), chance.token_urlsafe(48)
    url = await page(perform, connection, CALLBACK, state, verifier)
    async with session.get(url, allow_redirects=False) as answer:
        back = dict(parse_qsl(urlsplit(answer.headers.get("location", "")).query))
    if back.get("state") != state:
        raise CredentialError(f"the simulator of {connection} did not agree to be connected")
    await perform(
        "redeem",
        connection=connection,
        redirect_uri=CALLBACK,
        verifier=verifier,
        callback=back,
        new_account=False,
    )
