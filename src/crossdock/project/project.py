"""A project in one environment: read, checked and compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crossdock.core.errors import Problem, ProjectError, UsageError
from crossdock.core.flow import Connection, Flow, Landscape
from crossdock.mapping.tables import Tables
from crossdock.models import Models
from crossdock.models.violation import nearest
from crossdock.project.case_files import Case, read_cases
from crossdock.project.connections import Overrides, build_connection
from crossdock.project.egress import egress_problems
from crossdock.project.files import Environment, Environments, HubFile
from crossdock.project.flows import FlowBuilder
from crossdock.project.guarantee import FlowReport, report_of
from crossdock.project.needs import unmet_needs
from crossdock.project.owners import owner_problems, owners_in
from crossdock.project.programs import Programs
from crossdock.project.settings import HubSettings, hub_settings, retention_problems, store_problems
from crossdock.project.sources import Source, Sources, read_sources

ENVIRONMENTS = tuple(Environments.model_fields)


@dataclass(frozen=True, slots=True)
class Project:
    """What a hub is started with."""

    folder: Path
    landscape: Landscape
    hub: HubSettings
    models: Models
    tables: Tables
    accounts: Mapping[str, str] = field(default_factory=dict)
    """connection → the account that the project says it is"""
    cases: tuple[Case, ...] = ()
    reports: tuple[FlowReport, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check found: everything, what others rest on first."""

    problems: tuple[Problem, ...]
    reports: tuple[FlowReport, ...]
    """of the flows that are well"""
    project: Project | None
    """None when there is an error among the problems"""

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")


def check_project(folder: Path, environment: str = "production", *, overrides: Overrides | None = None) -> Checked:
    """`overrides` are settings of connections that the caller knows better. Raises UsageError for an environment that
    there is not, and nothing for what is in the folder."""
    if environment not in ENVIRONMENTS:
        meant = nearest(environment, ENVIRONMENTS)
        hint = f"did you mean {meant}?" if meant else f"there are: {', '.join(ENVIRONMENTS)}"
        raise UsageError(f"there is no environment {environment!r}", hint=hint)
    sources = read_sources(folder)
    if sources.hub is None:
        return Checked(_in_order(sources.problems), (), None)
    problems = list(sources.problems)
    problems += retention_problems(sources.hub)
    problems += store_problems(sources.hub)
    problems += owner_problems(sources)
    problems += _override_problems(sources, sources.hub)
    problems += egress_problems(sources.hub, environment, sources.connections, overrides or {})
    connections, flows = _built(sources, sources.hub, environment, overrides or {}, problems)
    cases, found = read_cases(sources)
    problems += found
    owners = owners_in(sources.models)
    reports = tuple(report_of(flow, sources.flows[name].name, owners) for name, flow in flows.items())
    ordered = _in_order(problems)
    if any(problem.severity == "error" for problem in ordered):
        return Checked(ordered, reports, None)
    hub = sources.hub.said
    landscape = Landscape(
        name=hub.name,
        environment=environment,
        connections=connections,
        flows=flows,
        models={model.name: model for model in sources.models if model.major == 1},
        owners=owners,
        retention_s=_retention(hub),
    )
    setup: Environment = getattr(hub.environments, environment)
    accounts = {name: source.said.account for name, source in sources.connections.items()}
    accounts |= {name: override.account for name, override in setup.connections.items() if override.account}
    project = Project(
        folder,
        landscape,
        hub_settings(hub, environment, [source.said for source in sources.connections.values()]),
        sources.models,
        sources.tables,
        {name: account for name, account in accounts.items() if account},
        tuple(cases),
        reports,
        ordered,
    )
    return Checked(ordered, reports, project)


def load_project(folder: Path, environment: str = "production", *, overrides: Overrides | None = None) -> Project:
    """Raises ProjectError with every problem, warnings included, when one of them is an error."""
    checked = check_project(folder, environment, overrides=overrides)
    if checked.project is None:
        raise ProjectError(checked.problems)
    return checked.project


def load_landscape(folder: Path, environment: str = "production", *, overrides: Overrides | None = None) -> Landscape:
    """As `load_project`, for who only runs it."""
    return load_project(folder, environment, overrides=overrides).landscape


def _built(
    sources: Sources,
    hub: Source[HubFile],
    environment: str,
    overrides: Overrides,
    problems: list[Problem],
) -> tuple[dict[str, Connection], dict[str, Flow]]:
    programs = Programs(sources.folder, sources.tables)
    connections: dict[str, Connection] = {}
    for name, source in sources.connections.items():
        laid_over = overrides.get(name, {})
        connection = build_connection(name, source, hub, environment, programs, laid_over, problems)
        if connection is not None:
            connections[name] = connection
    broken = {name for name in sources.connections if name not in connections}
    broken |= {_stem(name) for name in sources.broken if name.startswith("connections/")}
    builder = FlowBuilder(connections, frozenset(broken), sources.models, programs, problems)
    flows = {name: builder.build(name, source) for name, source in sources.flows.items()}
    well = {name: flow for name, flow in flows.items() if flow is not None}
    lost = len(well) < len(flows) or any(name.startswith("flows/") for name in sources.broken)
    problems += (
        sources.flows[unmet.flow].document.problem(("needs", unmet.need), unmet.what, unmet.hint)
        for unmet in (() if lost else unmet_needs(well))
    )
    if not sources.flows and not any(name.startswith("flows/") for name in sources.broken):
        what = "there are no flows, so nothing will be written anywhere"
        problems.append(Problem("flows/", 0, 0, what, "write one: flows/NAME.yaml", "warning"))
    return connections, well


def _override_problems(sources: Sources, hub: Source[HubFile]) -> list[Problem]:
    """Connections that only crossdock.yaml knows of."""
    known = {*sources.connections, *(_stem(name) for name in sources.broken if name.startswith("connections/"))}
    problems = []
    for environment in ENVIRONMENTS:
        setup: Environment = getattr(hub.said.environments, environment)
        for name in setup.connections:
            if name not in known:
                meant = nearest(name, known)
                hint = f"did you mean `{meant}`?" if meant else f"there are: {', '.join(sorted(known)) or 'none'}"
                path = ("environments", environment, "connections", name)
                problems.append(hub.document.problem(path, f"there is no connection `{name}`", hint))
    return problems


def _retention(hub: HubFile) -> dict[str, float]:
    kept = hub.retention
    return {"payloads": kept.payloads, "messages": kept.messages, "events": kept.events, "effects": kept.effects}


def _stem(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".yaml")


def _in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    def place(problem: Problem) -> tuple[int, str, int, int]:
        folder = problem.file.partition("/")[0]
        order = ("crossdock.yaml", "models", "tables", "connections", "maps", "flows", "cases")
        return order.index(folder) if folder in order else len(order), problem.file, problem.line, problem.column

    return tuple(sorted(dict.fromkeys(problems), key=place))
