"""What the process around the engine wants to know: where the store is, where to listen, what may be called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from crossdock.core.errors import Problem
from crossdock.project.duration import shown
from crossdock.project.files import ConnectionFile, Environment, Environments, HubFile, Listen
from crossdock.project.sources import Source

LONGEST_FIRST = ("effects", "events", "messages", "payloads")


@dataclass(frozen=True, slots=True)
class HubSettings:
    store: str
    """`sqlite:` and a path, from the project's folder on if it is relative; or a postgresql URL without a password"""
    host: str
    port: int
    public_url: str
    """"" = the hub does not know how it is reached from outside"""
    egress_allow: tuple[str, ...]
    """host:port and networks that may be called besides https to public addresses"""


def hub_settings(hub: HubFile, environment: str, connections: Sequence[ConnectionFile]) -> HubSettings:
    setup: Environment = getattr(hub.environments, environment)
    listen: Listen = setup.listen or hub.listen
    allow = [*hub.egress.allow, *setup.egress.allow, *(place for each in connections for place in each.egress.allow)]
    return HubSettings(
        store_of(hub, environment),
        listen.host,
        listen.port,
        setup.public_url or "",
        tuple(dict.fromkeys(allow)),
    )


def store_of(hub: HubFile, environment: str) -> str:
    setup: Environment = getattr(hub.environments, environment)
    return setup.store or f"sqlite:.crossdock/{environment}.db"


def store_url(folder: Path, said: str) -> str:
    """A SQLite file is named from the project's folder on."""
    scheme, _, path = said.partition(":")
    return f"sqlite:{folder / path}" if scheme == "sqlite" else said


def store_problems(hub: Source[HubFile]) -> Iterator[Problem]:
    """Two environments in one store would mix trials with the real thing."""
    taken: dict[str, str] = {}
    for environment in Environments.model_fields:
        store = store_of(hub.said, environment)
        if store in taken:
            path = ("environments", environment, "store")
            if not hub.document.has(path):
                path = ("environments", taken[store], "store")
            what = f"`{environment}` and `{taken[store]}` share the store {store}"
            yield hub.document.problem(path, what, "each environment has a store of its own", at_value=True)
        taken.setdefault(store, environment)


def retention_problems(hub: Source[HubFile]) -> Iterator[Problem]:
    kept = hub.said.retention
    for longer, shorter in pairwise(LONGEST_FIRST):
        long_s, short_s = getattr(kept, longer), getattr(kept, shorter)
        if long_s < short_s:
            at = next(key for key in (shorter, longer) if hub.document.has(("retention", key)))
            what = f"`{longer}` ({shown(long_s)}) are kept shorter than `{shorter}` ({shown(short_s)})"
            hint = f"keep them in this order, the longest first: {', '.join(LONGEST_FIRST)}"
            yield hub.document.problem(("retention", at), what, hint, at_value=True)
