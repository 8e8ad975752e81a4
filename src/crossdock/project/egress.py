"""Addresses in a project that no call of the hub would ever reach: told before anything runs, as far as it can be known
without asking a name server."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from urllib.parse import urlsplit

from crossdock.core.addresses import Network, is_public
from crossdock.core.errors import Problem
from crossdock.project.connections import Overrides
from crossdock.project.files import ConnectionFile, Environment, HubFile
from crossdock.project.settings import hub_settings
from crossdock.project.sources import Source

SETTINGS = ("base_url", "database")
"""what connectors that call a place of the user's choice call it"""
PORTS = {"https": 443, "http": 80, "postgresql": 5432, "postgres": 5432}


def egress_problems(
    hub: Source[HubFile], environment: str, connections: Mapping[str, Source[ConnectionFile]], overrides: Overrides
) -> Iterator[Problem]:
    """Warnings, each where the address is written."""
    allow = hub_settings(hub.said, environment, [source.said for source in connections.values()]).egress_allow
    setup: Environment = getattr(hub.said.environments, environment)
    for (name, source), setting in product(connections.items(), SETTINGS):
        if setting in overrides.get(name, {}):
            continue
        above = setup.connections[name].settings if name in setup.connections else {}
        url = above.get(setting, source.said.settings.get(setting))
        refusal = why_refused(url, allow) if isinstance(url, str) else None
        if refusal is None:
            continue
        what, place = refusal
        hint = f'if that is meant, add `egress: {{allow: ["{place}"]}}` to connections/{name}.yaml'
        if setting in above:
            path = ("environments", environment, "connections", name, "settings", setting)
            yield hub.document.problem(path, what, hint, at_value=True, severity="warning")
        else:
            yield source.document.problem(("settings", setting), what, hint, at_value=True, severity="warning")


def why_refused(url: str, allow: Sequence[str]) -> tuple[str, str] | None:
    """Why it would be refused, and what to allow; None = it would not, or only a look-up of its name can tell."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not host or port is None:
        return None
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    networks = [network for entry in allow if (network := _network(entry)) is not None]
    if place in {entry.lower() for entry in allow}:
        return None
    literal = _literal(host)
    if any(literal is None or literal in network for network in networks):
        return None
    if host == "localhost" or host.endswith(".localhost") or (literal is not None and not is_public(literal)):
        return f"{host} is not a public address, so calls to it will be refused", place
    if parts.scheme.startswith("postgres"):
        return f"a database is reached only where `egress` names it, so {host} will be refused", place
    if parts.scheme != "https":
        return f"{host} would be called without https, so calls to it will be refused", place
    if port != PORTS["https"]:
        return f"{host} would be called at port {port} instead of 443, so calls to it will be refused", place
    return None


def _network(entry: str) -> Network | None:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        return None


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
