"""From connections/*.yaml to connections that run: the connector, its settings, and the maps of what it brings in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crossdock import connectors
from crossdock.core.connector import Connector
from crossdock.core.errors import CrossdockError, Problem, ProjectError
from crossdock.core.flow import Connection, Inlet
from crossdock.core.keys import EntityKeys
from crossdock.models.violation import nearest
from crossdock.project.document import Path
from crossdock.project.explain import read_model
from crossdock.project.files import ConnectionFile, Environment, HubFile, Override
from crossdock.project.programs import Programs
from crossdock.project.sources import Source

_SECRET = re.compile(r"`(\w*(?:token|secret|password|api_key))` is not a key of")
Overrides = Mapping[str, Mapping[str, Any]]
"""connection → settings laid over all others, by a caller that knows better: the demo's simulators"""


def build_connection(
    name: str,
    source: Source[ConnectionFile],
    hub: Source[HubFile],
    environment: str,
    programs: Programs,
    laid_over: Mapping[str, Any],
    problems: list[Problem],
) -> Connection | None:
    """None when there is none to be had; what is wrong is added to `problems`."""
    said, document = source.said, source.document
    try:
        kind = connectors.load(said.connector)
    except CrossdockError as error:
        problems.append(document.problem(("connector",), error.what, error.hint, at_value=True))
        return None
    setup: Environment = getattr(hub.said.environments, environment)
    override = setup.connections.get(name, Override())
    connector = _configured(kind, name, source, hub, environment, override, laid_over, problems)
    if connector is None:
        return None
    if not said.webhook:
        connector.webhook = None
    public_url = override.public_url or said.public_url or ""
    if not public_url and setup.public_url:
        public_url = f"{setup.public_url}/hooks/{name}"
    inlets = _inlets(name, source, connector, programs, problems)
    if connector.webhook is not None and not inlets and not said.maps:
        what = f"nothing says what the webhooks of {name} mean, so they are all ignored"
        hint = "add `maps:` with a topic (or `*`) and a file in maps/"
        problems.append(document.problem(("settings",), what, hint, severity="warning"))
    polls = _polls(source, connector, problems)
    return Connection(name, connector, inlets, polls, public_url, said.timeout)


def _configured(
    kind: type[Connector],
    name: str,
    source: Source[ConnectionFile],
    hub: Source[HubFile],
    environment: str,
    override: Override,
    laid_over: Mapping[str, Any],
    problems: list[Problem],
) -> Connector | None:
    base: Path = ("environments", environment, "connections", name, "settings")

    def locate(path: Path, at_value: bool) -> tuple[str, int, int]:
        if path and hub.document.has((*base, *path)) and not source.document.has(("settings", *path)):
            return hub.name, *hub.document.place((*base, *path), at_value=at_value)
        own_value = override.settings and _at(override.settings, path)
        if path and own_value is not None and not isinstance(own_value, dict):
            return hub.name, *hub.document.place((*base, *path), at_value=at_value)
        return source.name, *source.document.place(("settings", *path), at_value=at_value and bool(path))

    merged = _merged(_merged(source.said.settings, override.settings), laid_over)
    settings, found = read_model(kind.settings_type, merged, locate, f"the settings of {kind.name}")
    problems += _about_secrets(name, found)
    if settings is None:
        return None
    try:
        return kind(settings)
    except (CrossdockError, ValueError) as error:
        problems.append(source.document.problem(("settings",), str(error)))
        return None


def _about_secrets(connection: str, problems: list[Problem]) -> list[Problem]:
    """A secret among the settings is no mistake of spelling."""
    hinted = []
    for problem in problems:
        found = _SECRET.match(problem.what)
        if found and "did you mean" not in problem.hint:
            hint = f"a secret is in no file of the project: crossdock secrets set {connection} {found[1]}"
            problem = replace(problem, hint=hint)
        hinted.append(problem)
    return hinted


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merged(merged[name], value) if both else value
    return merged


def _at(value: Any, path: Path) -> Any:
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _inlets(
    name: str,
    source: Source[ConnectionFile],
    connector: Connector,
    programs: Programs,
    problems: list[Problem],
) -> dict[str, Inlet]:
    """Topics with the same map share it, compiled once."""
    inlets: dict[str, Inlet] = {}
    shipped: dict[str, Inlet] = {}
    for topic in sorted({*connector.maps, *source.said.maps}):
        keys = EntityKeys(name)
        said, text = source.said.maps.get(topic), connector.maps.get(topic, "")
        inlet = shipped.get(text) if said is None else None
        if inlet is None:
            try:
                if said is not None:
                    program = programs.named(source.document, ("maps", topic), said, keys=keys)
                else:
                    program = programs.shipped(connector.name, topic, text, keys)
            except ProjectError as error:
                problems += error.problems
                continue
            inlet = Inlet(topic, program, keys)
        inlets[topic] = replace(inlet, topic=topic)
        if said is None:
            shipped[text] = inlet
    return inlets


def _polls(source: Source[ConnectionFile], connector: Connector, problems: list[Problem]) -> dict[str, float]:
    said = source.said.polls
    for name in said:
        if name not in connector.polls:
            meant = nearest(name, connector.polls)
            known = f"it has: {', '.join(sorted(connector.polls))}" if connector.polls else "it has none"
            hint = f"did you mean `{meant}`?" if meant else known
            problems.append(source.document.problem(("polls", name), f"{connector.name} has no poll `{name}`", hint))
    every = {name: said.get(name, poll.every_s) for name, poll in connector.polls.items()}
    return {name: float(pace) for name, pace in every.items() if pace != "off"}
