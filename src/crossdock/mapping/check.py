"""What is wrong with a map before it ever runs."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Protocol

from crossdock import jq
from crossdock.core.errors import Problem
from crossdock.jq.syntax import Call, Function, Index, Literal, Node, Registered
from crossdock.jq.walk import children
from crossdock.mapping.functions import FUNCTIONS
from crossdock.mapping.tables import Tables

_BY_NAME = {function.name: function for function in FUNCTIONS}


class KnownFields(Protocol):
    def knows(self, path: str) -> bool: ...

    def members(self, path: str) -> list[str]: ...


class Shape(Protocol):
    """What a map is given: a model, or the schema of an action's input."""

    def fields(self) -> KnownFields: ...


class Compiled(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def program(self) -> jq.Program: ...


def check_calls(name: str, program: jq.Program, tables: Tables) -> list[Problem]:
    """Calls of the hub's functions with too few or too many arguments, and tables that are not there."""
    problems = []
    for node in _nodes(program.tree):
        if not isinstance(node, Call) or not isinstance(node.target, Registered):
            continue
        function = _BY_NAME[node.name]
        if len(node.args) not in function.arities:
            given = f"{len(node.args)} argument{'' if len(node.args) == 1 else 's'}"
            what = f"{node.name} was given {given}; it is {function.signature}"
            problems.append(_problem(name, node, what))
        elif node.name == "lookup" and isinstance(table := node.args[0], Literal) and table.value not in tables:
            problems.append(_problem(name, table, tables.unknown(table.value)))
    return sorted(set(problems), key=_place)


def check_map(compiled: Compiled, shape: Shape) -> list[Problem]:
    """Fields that the map reads and its input cannot have, each once, with the name that was probably meant.

    A warning instead of an error where the map reads a field of the same name elsewhere, and finds it: one function of
    the map may serve several places.
    """
    fields = shape.fields()
    wrong: dict[str, str] = {}
    found: set[str] = set()
    for path in sorted(compiled.program.reads() - {"."}):
        parts = path.split(".")
        known = next((count for count in range(len(parts)) if not fields.knows(".".join(parts[: count + 1]))), None)
        found.update(parts[:known])
        if known is not None and parts[known] != "*":
            wrong[".".join(parts[: known + 1])] = ".".join(parts[:known])
    problems = [_misread(compiled, path, above, fields, found) for path, above in wrong.items()]
    return sorted(problems, key=_place)


def _misread(compiled: Compiled, path: str, above: str, fields: KnownFields, found: set[str]) -> Problem:
    name = path.rpartition(".")[2]
    members = fields.members(above)
    close = get_close_matches(name.casefold(), members, n=1)
    what = f"reads .{path}, which its input cannot have".replace(".*", "[]")
    hint = f'did you mean "{close[0]}"?' if close else f"it has: {', '.join(members)}" if members else ""
    severity = "warning" if name in found else "error"
    return _problem(compiled.name, _where(compiled.program.tree, name), what, hint, severity)


def _where(tree: Node, name: str) -> Node | None:
    """The first place that reads a field of this name."""
    reads = (node for node in _nodes(tree) if isinstance(node, Index) and isinstance(node.key, Literal))
    places = [node for node in reads if isinstance(node.key, Literal) and node.key.value == name]
    return min(places, key=lambda node: node.at.start, default=None)


def _nodes(tree: Node) -> Iterator[Node]:
    """Every node of the program, those of the functions that it calls among them."""
    pending: list[Node] = [tree]
    entered: set[Function] = set()
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(children(node)))
        called = node.target if isinstance(node, Call) else None
        if isinstance(called, Function) and not called.builtin and called not in entered:
            entered.add(called)
            pending.append(called.body)


def _place(problem: Problem) -> tuple[int, int]:
    return problem.line, problem.column


def _problem(name: str, node: Node | None, what: str, hint: str = "", severity: str = "error") -> Problem:
    line, column = (node.at.line, node.at.column) if node else (0, 0)
    return Problem(name, line, column, what, hint, severity)
