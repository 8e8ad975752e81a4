"""Everything a person wrote in a project, read and in form, before any of it is looked up elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from crossdock.core.errors import Problem, ProjectError
from crossdock.mapping.table_files import load_tables
from crossdock.mapping.tables import Tables
from crossdock.models import Models, ModelsError, load_models
from crossdock.models.violation import nearest
from crossdock.project import document as yaml
from crossdock.project.document import Document
from crossdock.project.explain import read_model
from crossdock.project.files import NAME, ConnectionFile, FlowFile, HubFile, Written
from crossdock.project.folder import LARGEST_BYTES, LARGEST_DATA_BYTES, Folder

HUB_FILE = "crossdock.yaml"
FOLDERS = ("connections", "flows", "maps", "tables", "models", "cases")
W = TypeVar("W", bound=Written)


@dataclass(frozen=True, slots=True)
class Source(Generic[W]):
    """A file and what it says."""

    name: str
    document: Document
    said: W


@dataclass(slots=True)
class Sources:
    folder: Folder
    hub: Source[HubFile] | None = None
    connections: dict[str, Source[ConnectionFile]] = field(default_factory=dict)
    flows: dict[str, Source[FlowFile]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """connections and flows (`connections/x.yaml`) that are there and cannot be read"""
    models: Models = field(default_factory=load_models)
    tables: Tables = field(default_factory=Tables)
    problems: list[Problem] = field(default_factory=list)


def read_sources(root: Path) -> Sources:
    """Never raises for what is in the folder: what is wrong is in `problems`."""
    sources = Sources(Folder(root))
    if not root.is_dir():
        hint = "name the project with --project, or make one: crossdock init FOLDER"
        sources.problems.append(Problem(str(root), 0, 0, "there is no such folder", hint))
        return sources
    if not sources.folder.exists(HUB_FILE):
        hint = "type the command in the project's folder, or make one with `crossdock init`"
        sources.problems.append(Problem(HUB_FILE, 0, 0, "is not there: this folder is no project", hint))
        return sources
    stand_in = Source(HUB_FILE, Document(HUB_FILE, "name: unknown"), HubFile(name="unknown"))
    sources.hub = _read(sources, HUB_FILE, HubFile, HUB_FILE) or stand_in  # the rest is judged all the same
    _read_folder(sources, "connections", ConnectionFile, sources.connections, "a connection")
    _read_folder(sources, "flows", FlowFile, sources.flows, "a flow")
    _read_models(sources)
    _read_tables(sources)
    _strangers(sources)
    return sources


def _read(sources: Sources, name: str, model: type[W], what: str) -> Source[W] | None:
    try:
        document = sources.folder.document(name)
    except ProjectError as error:
        sources.problems += error.problems
        return None
    if document.data is not None and not isinstance(document.data, Mapping):
        sources.problems.append(document.problem((), "should be a mapping of keys to values, as in `name: value`"))
        return None

    def locate(path: yaml.Path, at_value: bool) -> tuple[str, int, int]:
        return name, *document.place(path, at_value=at_value)

    said, problems = read_model(model, document.data, locate, what)
    sources.problems += problems
    return Source(name, document, said) if said is not None else None


def _read_folder(sources: Sources, kind: str, model: type[W], into: dict[str, Source[W]], what: str) -> None:
    for file in _names(sources, kind, ".yaml"):
        name = file.removeprefix(f"{kind}/").removesuffix(".yaml")
        if not re.fullmatch(NAME, name):
            hint = "small letters, digits, - and _, beginning with a letter"
            sources.problems.append(Problem(file, 0, 0, f"{name!r} cannot be the name of {what}", hint))
            continue
        source = _read(sources, file, model, what)
        if source is None:
            sources.broken.add(file)
        else:
            into[name] = source


def _read_models(sources: Sources) -> None:
    misshapen = _misshapen(sources, "models", ".yaml", LARGEST_BYTES)
    if misshapen is None:
        return
    without = [name.removeprefix("models/") for name in misshapen]
    try:
        sources.models = load_models(sources.folder.root / "models", without=without)
    except ModelsError as error:
        sources.problems += error.problems
        sources.models = error.models


def _read_tables(sources: Sources) -> None:
    found = [_misshapen(sources, "tables", suffix, LARGEST_DATA_BYTES) for suffix in (".csv", ".yaml", ".yml")]
    if all(misshapen == [] for misshapen in found):
        try:
            sources.tables = load_tables(sources.folder.root / "tables")
        except ProjectError as error:
            sources.problems += error.problems


def _misshapen(sources: Sources, kind: str, suffix: str, largest_bytes: int) -> list[str] | None:
    """Files that nobody else may read: no plain ones, outside, or YAML of unbounded content. None = nor any other."""
    before = len(sources.problems)
    names = _names(sources, kind, suffix)
    if len(sources.problems) > before:
        return None
    found = []
    for name in names:
        try:
            if suffix == ".csv":
                sources.folder.path(name, largest_bytes)
            else:
                sources.folder.document(name, largest_bytes)
        except ProjectError as error:
            sources.problems += error.problems
            found.append(name)
    return found


def _names(sources: Sources, kind: str, suffix: str) -> list[str]:
    try:
        return sources.folder.names(kind, suffix)
    except ProjectError as error:
        sources.problems += error.problems
        return []


def _strangers(sources: Sources) -> None:
    """Files that nobody reads and that look as if somebody should: silence would be a surprise."""
    for path in sorted(sources.folder.root.iterdir()):
        if path.is_dir() and path.name not in FOLDERS and (meant := nearest(path.name, FOLDERS)):
            hint = f"did you mean `{meant}/`?"
            sources.problems.append(Problem(f"{path.name}/", 0, 0, "this folder is not read", hint, "warning"))
    for kind in ("connections", "flows", "cases", "models"):
        for name in _names(sources, kind, ".yml"):
            hint = f"name it {name.removesuffix('.yml')}.yaml"
            sources.problems.append(Problem(name, 0, 0, "this file is not read", hint, "warning"))
