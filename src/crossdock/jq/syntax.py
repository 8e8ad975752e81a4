"""The syntax tree. Nodes compare by identity; `at` is their stretch of the program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crossdock.jq.errors import Span


@dataclass(eq=False, slots=True)
class Node:
    at: Span


@dataclass(eq=False, slots=True)
class Identity(Node):
    pass


@dataclass(eq=False, slots=True)
class Literal(Node):
    value: Any


@dataclass(eq=False, slots=True)
class Text(Node):
    """A string with interpolations; `format` is the name after `@`, None for plain strings."""

    format: str | None
    parts: list[str | Node]


@dataclass(eq=False, slots=True)
class Format(Node):
    name: str


@dataclass(eq=False, slots=True)
class Index(Node):
    target: Node
    key: Node


@dataclass(eq=False, slots=True)
class Slice(Node):
    target: Node
    start: Node | None
    end: Node | None


@dataclass(eq=False, slots=True)
class Iterate(Node):
    target: Node


@dataclass(eq=False, slots=True)
class Array(Node):
    body: Node | None


@dataclass(eq=False, slots=True)
class Object(Node):
    entries: list[tuple[Node, Node]]


@dataclass(eq=False, slots=True)
class Negate(Node):
    body: Node


@dataclass(eq=False, slots=True)
class Pipe(Node):
    left: Node
    right: Node


@dataclass(eq=False, slots=True)
class Comma(Node):
    parts: list[Node]


@dataclass(eq=False, slots=True)
class Binary(Node):
    """Arithmetic and comparison: `op` is one of + - * / % == != < <= > >=."""

    op: str
    left: Node
    right: Node


@dataclass(eq=False, slots=True)
class Logic(Node):
    """`op` is "and" or "or"."""

    op: str
    left: Node
    right: Node


@dataclass(eq=False, slots=True)
class Alternative(Node):
    left: Node
    right: Node


@dataclass(eq=False, slots=True)
class Assign(Node):
    """`op` is one of = |= += -= *= /= %= //=."""

    op: str
    target: Node
    value: Node


@dataclass(eq=False, slots=True)
class If(Node):
    condition: Node
    then: Node
    otherwise: Node | None


@dataclass(eq=False, slots=True)
class Try(Node):
    body: Node
    handler: Node | None


@dataclass(eq=False, slots=True)
class Variable:
    """One binding of a `$name`; uses point to it."""

    name: str


@dataclass(eq=False, slots=True)
class Var(Node):
    name: str
    variable: Variable | None = None


@dataclass(eq=False, slots=True)
class PatternVar:
    variable: Variable


@dataclass(eq=False, slots=True)
class PatternArray:
    at: Span
    items: list[Pattern]


@dataclass(eq=False, slots=True)
class PatternObject:
    """Entries are (key, variable that holds the value at the key or None, pattern for it or None)."""

    at: Span
    entries: list[tuple[Node, Variable | None, Pattern | None]]


Pattern = PatternVar | PatternArray | PatternObject


def pattern_variables(pattern: Pattern) -> list[Variable]:
    if isinstance(pattern, PatternVar):
        return [pattern.variable]
    if isinstance(pattern, PatternArray):
        return [v for item in pattern.items for v in pattern_variables(item)]
    found: list[Variable] = []
    for _, variable, inner in pattern.entries:
        if variable is not None:
            found.append(variable)
        if inner is not None:
            found.extend(pattern_variables(inner))
    return found


def share_variables(pattern: Pattern, known: dict[str, Variable]) -> None:
    """Makes equal names in alternative patterns one variable."""
    if isinstance(pattern, PatternVar):
        pattern.variable = known.setdefault(pattern.variable.name, pattern.variable)
    elif isinstance(pattern, PatternArray):
        for item in pattern.items:
            share_variables(item, known)
    else:
        for i, (key, variable, inner) in enumerate(pattern.entries):
            if variable is not None:
                pattern.entries[i] = (key, known.setdefault(variable.name, variable), inner)
            if inner is not None:
                share_variables(inner, known)


@dataclass(eq=False, slots=True)
class Bind(Node):
    source: Node
    patterns: list[Pattern]
    body: Node


@dataclass(eq=False, slots=True)
class Reduce(Node):
    source: Node
    patterns: list[Pattern]
    start: Node
    update: Node


@dataclass(eq=False, slots=True)
class Foreach(Node):
    source: Node
    patterns: list[Pattern]
    start: Node
    update: Node
    extract: Node | None


@dataclass(eq=False, slots=True)
class Param:
    """A parameter of a function. `variable` is set for `$name` parameters, which bind a value as well."""

    name: str
    variable: Variable | None = None
    called: bool = False


@dataclass(eq=False, slots=True)
class Function:
    name: str
    params: list[Param]
    body: Node
    at: Span
    recursive: bool = False
    weight: int = 0
    builtin: bool = False


@dataclass(eq=False, slots=True)
class Define(Node):
    function: Function
    body: Node


@dataclass(eq=False, slots=True)
class LabelName:
    name: str


@dataclass(eq=False, slots=True)
class Label(Node):
    label: LabelName
    body: Node


@dataclass(eq=False, slots=True)
class BreakTo(Node):
    name: str
    label: LabelName | None = None


@dataclass(eq=False, slots=True)
class Registered:
    """A function of the host; `takes_input`: it is given the input before its arguments."""

    name: str
    takes_input: bool = False


@dataclass(eq=False, slots=True)
class Call(Node):
    """A call by name; the checker sets `target`, which stays None for forms and natives."""

    name: str
    args: list[Node]
    target: Function | Param | Registered | None = None


@dataclass(eq=False, slots=True)
class Import:
    """`import "path" as name`, `import "path" as $name` (data) or `include "path"` (alias None)."""

    at: Span
    path: str
    alias: str | None
    data: bool
    metadata: dict[str, Any]


@dataclass(eq=False, slots=True)
class Module:
    metadata: dict[str, Any] | None
    imports: list[Import] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    main: Node | None = None
