"""Every model that a hub knows: the shipped ones, a project's extensions of them, and a project's own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from crossdock.core.errors import CrossdockError, Problem, ProjectError
from crossdock.models.bundle import bundled
from crossdock.models.canonical import without_nulls
from crossdock.models.extension import extended, extension_problems
from crossdock.models.files import Document
from crossdock.models.owners import Owner, owners_of, parted
from crossdock.models.rules import broken_rules, misshapen
from crossdock.models.schema import Schema, SchemaError
from crossdock.models.violation import nearest

SHIPPED = ("customer", "deal", "invoice", "order", "payment", "product", "refund")
IDENTITY = re.compile(r"([a-z][a-z0-9_]{0,63})@([1-9][0-9]{0,3})", re.ASCII)


class UnknownModel(CrossdockError):
    """No model of this name and major."""


class Model(Schema):
    """What the `data` of an event of this model holds."""

    def __init__(
        self, name: str, major: int, source: Mapping[str, Any], owners: Mapping[str, Owner] | None = None
    ) -> None:
        super().__init__(source)
        self.name = name
        self.major = major
        self.owners = owners
        """field → whose word holds, where several systems change it; None = the model's file says nothing of it"""

    @property
    def id(self) -> str:
        """`order@1`"""
        return f"{self.name}@{self.major}"

    @property
    def title(self) -> str:
        return str(self.source.get("title", self.name))

    @property
    def description(self) -> str:
        return str(self.source.get("description", ""))

    def canonical(self, data: Any) -> Any:
        """The one spelling of `data` to hash, store and compare: without null members."""
        return without_nulls(data)

    def __repr__(self) -> str:
        return f"<Model {self.id}>"


class Models:
    """By name and major. Iterates in the order of ids."""

    def __init__(self, models: Iterable[Model], broken: Iterable[str] = ()) -> None:
        self._models = {(model.name, model.major): model for model in models}
        self.broken = frozenset(broken)
        """those of whom no more is known than that a file speaks of them, and is wrong"""

    def get(self, name: str, major: int = 1) -> Model:
        """Raises UnknownModel, which names the model that was probably meant."""
        if model := self._models.get((name, major)):
            return model
        majors = [str(other) for known, other in sorted(self._models) if known == name]
        if majors:
            raise UnknownModel(f'there is no model "{name}@{major}"', hint=f"{name} has major {', '.join(majors)}")
        meant = nearest(name, self.names)
        hint = f'did you mean "{meant}"?' if meant else f"known models: {', '.join(self.names)}"
        raise UnknownModel(f'there is no model "{name}"', hint=hint)

    @property
    def names(self) -> list[str]:
        return sorted({name for name, _ in self._models})

    def __iter__(self) -> Iterator[Model]:
        return iter(model for _, model in sorted(self._models.items()))

    def __len__(self) -> int:
        return len(self._models)

    def __contains__(self, name: object) -> bool:
        return any(known == name for known, _ in self._models)


class ModelsError(ProjectError):
    """Every problem of every file."""

    def __init__(self, problems: Sequence[Problem], models: Models) -> None:
        super().__init__(problems)
        self.models = models
        """those that are well, and the names of the others"""


def load_models(extra_dir: Path | None = None, *, without: Collection[str] = ()) -> Models:
    """The shipped models, with the `*.yaml` of `extra_dir` (a project's `models/`): own models and extensions. Files
    named in `without` are known to be broken, and not read. Raises ModelsError.
    """
    sources = dict(_shipped())
    documents: dict[tuple[str, int], Document] = {}
    owners: dict[tuple[str, int], Mapping[str, Owner]] = {}
    problems: list[Problem] = []
    broken = {_speaks_of(name) for name in without}
    for path in sorted(extra_dir.glob("*.yaml")) if extra_dir and extra_dir.is_dir() else ():
        if path.name in without:
            continue
        said_of = _speaks_of(path.name)
        try:
            document = Document.read(path, f"{path.parent.name}/{path.name}")
            said_of = _speaks_of(path.name, document.data)
            identity = _identity(document, sources)
            said, owned = parted(document)
            sources[identity] = _taken(document, said, sources.get(identity))
            documents[identity] = document
            if owned is not None:
                owners[identity] = owners_of(document, owned, sources[identity])
        except ProjectError as error:
            problems += error.problems
            broken.add(said_of)
    models = []
    for (name, major), source in sources.items():
        if name in broken:
            continue
        try:
            models.append(Model(name, major, bundled(source), owners.get((name, major))))
        except SchemaError as error:
            problems.append(documents[name, major].problem(error.path, error.what))
            broken.add(name)
    if problems or broken:
        raise ModelsError(problems, Models(models, broken))
    return Models(models)


@cache
def _shipped() -> Mapping[tuple[str, int], dict[str, Any]]:
    folder = files("crossdock.models").joinpath("schemas")
    return {
        (name, 1): Document(f"{name}.yaml", folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8")).data
        for name in SHIPPED
    }


def _speaks_of(file: str, data: Mapping[str, Any] | None = None) -> str:
    """The model that a file seems to be about, however wrong it is."""
    said = next((data[word] for word in ("extends", "$id") if data and word in data), None)
    return said.partition("@")[0] if isinstance(said, str) else file.removesuffix(".yaml")


def _identity(document: Document, known: Mapping[tuple[str, int], Any]) -> tuple[str, int]:
    """What the file says it is, or extends."""
    word = "extends" if "extends" in document.data else "$id"
    said = str(document.data.get(word, ""))
    said = said if "@" in said or word == "$id" else f"{said}@1"
    if not (match := IDENTITY.fullmatch(said)):
        what = "say what this is: `$id: shipment@1` for a model of your own, `extends: order` for an extension"
        raise ProjectError([document.problem((word,), what)])
    name, major = match[1], int(match[2])
    if word == "extends" and (name, major) not in known:
        meant = nearest(name, [each for each, _ in known])
        hint = f'did you mean "{meant}"?' if meant else ""
        raise ProjectError([document.problem((word,), f'there is no model "{said}" to extend', hint)])
    if word == "$id" and (name, major) in known:
        hint = f"to add fields to it, write `extends: {name}` instead of `$id`"
        raise ProjectError([document.problem((word,), f'the model "{said}" exists already', hint)])
    return name, major


def _taken(document: Document, said: dict[str, Any], model: Mapping[str, Any] | None) -> dict[str, Any]:
    """The model that the file describes, alone or by extending `model`."""
    broken = list(misshapen(said)) or list(extension_problems(model, said) if model else broken_rules(said))
    if broken:
        raise ProjectError([document.problem(path, what) for path, what in broken])
    return extended(model, said) if model else said
