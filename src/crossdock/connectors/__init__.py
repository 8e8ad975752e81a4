"""One folder a platform: what to send and what an answer means, without any I/O."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

from crossdock.core.connector import Connector
from crossdock.core.errors import CrossdockError

_CONNECTORS = {
    "http": "crossdock.connectors.http.connector:HttpConnector",
    "hubspot": "crossdock.connectors.hubspot.connector:HubSpotConnector",
    "quickbooks": "crossdock.connectors.quickbooks.connector:QuickBooksConnector",
    "shopify": "crossdock.connectors.shopify.connector:ShopifyConnector",
    "sql": "crossdock.connectors.sql.connector:SqlConnector",
}


def names() -> tuple[str, ...]:
    """The connectors there are, in alphabetical order."""
    return tuple(sorted(_CONNECTORS))


def load(name: str) -> type[Connector]:
    """The connector's class, imported when asked for. Raises CrossdockError; its hint names the nearest one."""
    place = _CONNECTORS.get(name)
    if place is None:
        near = get_close_matches(name.lower(), _CONNECTORS, n=1, cutoff=0.5)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise CrossdockError(f"there is no connector {name!r}", hint=f"{meant}There are: {', '.join(names())}.")
    module, _, kind = place.partition(":")
    connector = getattr(import_module(module), kind)
    assert isinstance(connector, type)
    assert issubclass(connector, Connector)
    return connector
