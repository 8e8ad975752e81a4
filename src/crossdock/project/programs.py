"""The jq programs of a project: found, compiled, and their problems put where they stand in its files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crossdock.core.errors import Problem, ProjectError
from crossdock.core.keys import EntityKeys
from crossdock.mapping.check import check_map
from crossdock.mapping.map import Map, compile_map
from crossdock.mapping.tables import Tables
from crossdock.models import Model
from crossdock.models.violation import nearest
from crossdock.project.document import Document, Path
from crossdock.project.folder import Folder

_FILE = re.compile(r"[^\s|(){}\[\]\"]+\.jq")
_COMMENTS = re.compile(r"#[^\n]*")
EVENT = ("event",)
"""variables of filters and of needs' keys: $event, as `Event.about` makes it"""
NEEDS = ("event", "needs")
"""variables of maps: also $needs, need → the linked record's id"""


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled program, run with those of the variables it is offered that it speaks of."""

    map: Map
    uses: tuple[str, ...] = ()
    indent: int = 0
    """columns by which a program in a block of YAML is indented"""

    def run(self, value: Any, *, now: float = 0.0, **variables: Any) -> Sequence[Any]:
        """All outputs. Raises MapFailed."""
        if not self.uses:
            return self.map.run(value, now=now)
        return self.map.run(value, now=now, **{name: variables[name] for name in self.uses})

    def misread(self, models: Iterable[Model]) -> list[Problem]:
        """Fields that it reads and that none of the models has, told where they stand in the project."""
        found = [check_map(self.map, model) for model in models]
        paths = [{problem.what for problem in problems} for problems in found]
        return [
            _indented(problem, self.indent)
            for problem in (found[0] if found else ())
            if all(problem.what in told for told in paths)
        ]


class Programs:
    def __init__(self, folder: Folder, tables: Tables) -> None:
        self._folder = folder
        self._tables = tables

    def inline(self, document: Document, path: Path, text: str, variables: tuple[str, ...]) -> Program:
        """A program that is written in a YAML file. Raises ProjectError."""
        line, column = document.place_in_text(path, 1, 1)
        block = "\n" in text
        before = "\n" * (line - 1) + ("" if block else " " * (column - 1))
        indent = column - 1 if block else 0
        try:
            return self._compiled(before + text, document.name, variables, indent=indent)
        except ProjectError as error:
            raise ProjectError([_indented(problem, indent) for problem in error.problems]) from None

    def named(
        self,
        document: Document,
        path: Path,
        said: str,
        variables: tuple[str, ...] = (),
        keys: EntityKeys | None = None,
    ) -> Program:
        """A program in maps/, named in a YAML file. Raises ProjectError."""
        name = f"maps/{said.removeprefix('maps/')}"
        if not self._folder.exists(name):
            known = [each.removeprefix("maps/") for each in self._folder.names("maps", ".jq")]
            meant = nearest(name.removeprefix("maps/"), known)
            hint = f"did you mean {meant}?" if meant else _known(known)
            raise ProjectError([document.problem(path, f"there is no file {name}", hint, at_value=True)])
        text = self._folder.text(name)
        if not _COMMENTS.sub("", text).strip():
            raise ProjectError([Problem(name, 1, 1, "holds no program", "a map that changes nothing is `.`")])
        return self._compiled(text, name, variables, keys)

    def shipped(self, connector: str, topic: str, text: str, keys: EntityKeys) -> Program:
        """A map that comes with a connector. Raises ProjectError."""
        return self._compiled(text, f"{connector}:{topic}", (), keys)

    def _compiled(
        self, text: str, name: str, variables: tuple[str, ...], keys: EntityKeys | None = None, indent: int = 0
    ) -> Program:
        uses = tuple(variable for variable in variables if f"${variable}" in text)
        return Program(compile_map(text, name=name, tables=self._tables, key_of=keys, variables=uses), uses, indent)


def is_file(said: str) -> bool:
    """Whether a `map` names a file rather than being the program itself."""
    return bool(_FILE.fullmatch(said))


def _indented(problem: Problem, indent: int) -> Problem:
    return replace(problem, column=problem.column + indent) if problem.line and indent else problem


def _known(names: list[str]) -> str:
    return f"there are: {', '.join(names[:20])}" if names else "maps/ is empty"
