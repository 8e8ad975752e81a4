"""Which parts of the input a program may use: the tree, run on sets of input paths instead of values.

Sound by construction: what is not understood counts as using the whole of what it was given. A value that is
computed from the input is no longer a part of it, and what it was computed from has been used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from crossdock.jq.syntax import (
    Alternative,
    Array,
    Assign,
    Binary,
    Bind,
    BreakTo,
    Call,
    Comma,
    Define,
    Foreach,
    Format,
    Function,
    Identity,
    If,
    Index,
    Iterate,
    Label,
    Literal,
    Logic,
    Negate,
    Node,
    Object,
    Param,
    Pattern,
    PatternArray,
    PatternVar,
    Pipe,
    Reduce,
    Registered,
    Slice,
    Text,
    Try,
    Var,
    Variable,
)  # fmt: skip

Path = tuple[str, ...]
MAX_PATHS = 2_000
MAX_STEPS = 100_000
MAX_LENGTH = 16
"""Longer paths (recursion through `.children[]`, say) are cut: all below is used."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a value may be: any of these parts of the input, or something built of members."""

    paths: frozenset[Path] = frozenset()
    members: tuple[tuple[str, Parts], ...] = ()
    """Members of an object or array that the program built; the key `*` stands for any."""

    def joined(self, other: Parts) -> Parts:
        if not other.paths and not other.members:
            return self
        members = dict(self.members)
        for key, part in other.members:
            members[key] = members[key].joined(part) if key in members else part
        return Parts(self.paths | other.paths, tuple(members.items()))

    def everything(self) -> frozenset[Path]:
        found = set(self.paths)
        for _, part in self.members:
            found |= part.everything()
        return frozenset(found)


NONE = Parts()
_ORDER_ONLY = {"sort", "reverse", "unique", "_sort_by", "_unique_by", "_min_by", "_max_by", "min", "max"}


@dataclass(slots=True)
class Scope:
    values: dict[Any, Any] = field(default_factory=dict)

    def bound(self, items: dict[Any, Any]) -> Scope:
        return Scope({**self.values, **items})


class Reader:
    def __init__(self) -> None:
        self.used: set[Path] = set()
        self.iterated: set[Path] = set()
        self._steps = 0
        self._guarded = 0
        self._active: dict[Any, int] = {}
        self._homes: dict[Function, Scope] = {}

    def use(self, parts: Parts) -> Parts:
        """The value is looked into, compared, or leaves the program."""
        self.used |= parts.everything()
        return NONE

    def step(self, parts: Parts, key: str) -> Parts:
        paths = set()
        for path in parts.paths:
            if len(path) >= MAX_LENGTH:
                self.used.add(path)
            else:
                paths.add((*path, key))
        if len(paths) > MAX_PATHS:
            self.used |= parts.paths
            paths = set()
        result = Parts(frozenset(paths))
        for name, part in parts.members:
            if key in (name, "*") or name == "*":
                result = result.joined(part)
        return result

    def walk(self, node: Node, v: Parts, scope: Scope) -> Parts:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _TooMuch
        match node:
            case Identity():
                return v
            case Literal() | BreakTo():
                return NONE
            case Var():
                found = scope.values.get(node.variable)
                return found if isinstance(found, Parts) else NONE
            case Index():
                return self.index(node, v, scope)
            case Slice():
                for bound in (node.start, node.end):
                    if bound is not None:
                        self.use(self.walk(bound, v, scope))
                return self.walk(node.target, v, scope)
            case Iterate():
                target = self.walk(node.target, v, scope)
                if self._guarded:
                    self.use(target)  # the message of the error shows the value
                result = self.step(target, "*")
                self.iterated |= result.paths
                return result
            case Pipe():
                while isinstance(node, Pipe):
                    v = self.walk(node.left, v, scope)
                    node = node.right
                return self.walk(node, v, scope)
            case Comma():
                return self.all(node.parts, v, scope)
            case Array():
                return Parts(members=(("*", self.walk(node.body, v, scope)),)) if node.body else NONE
            case Object():
                return self.object(node, v, scope)
            case Text():
                for part in node.parts:
                    if isinstance(part, Node):
                        self.use(self.walk(part, v, scope))
                return NONE
            case Format():
                return self.use(v)
            case Negate():
                return self.use(self.walk(node.body, v, scope))
            case Binary():
                return self.binary(node, v, scope)
            case Logic():
                return self.use(self.all((node.left, node.right), v, scope))
            case Alternative():
                left = self.walk(node.left, v, scope)
                self.used |= left.paths
                return left.joined(self.walk(node.right, v, scope))
            case If():
                self.use(self.walk(node.condition, v, scope))
                otherwise = v if node.otherwise is None else self.walk(node.otherwise, v, scope)
                return self.walk(node.then, v, scope).joined(otherwise)
            case Try():
                self._guarded += node.handler is not None
                body = self.walk(node.body, v, scope)
                self._guarded -= node.handler is not None
                return body if node.handler is None else body.joined(self.walk(node.handler, NONE, scope))
            case _:
                return self.binding(node, v, scope)

    def binding(self, node: Node, v: Parts, scope: Scope) -> Parts:
        match node:
            case Bind():
                source = self.walk(node.source, v, scope)
                return self.walk(node.body, v, self.patterns(node.patterns, source, scope))
            case Reduce() | Foreach():
                return self.loop(node, v, scope)
            case Define():
                inner = scope.bound({})
                self._homes[node.function] = inner
                return self.walk(node.body, v, inner)
            case Label():
                return self.walk(node.body, v, scope)
            case Assign():
                return self.assign(node, v, scope)
            case Call():
                return self.call(node, v, scope)
        return self.use(v)

    def all(self, nodes: Iterable[Node], v: Parts, scope: Scope) -> Parts:
        result = NONE
        for node in nodes:
            result = result.joined(self.walk(node, v, scope))
        return result

    def index(self, node: Index, v: Parts, scope: Scope) -> Parts:
        target = self.walk(node.target, v, scope)
        if isinstance(node.key, Literal) and type(node.key.value) is str:
            return self.step(target, node.key.value)
        if not (isinstance(node.key, Literal) and type(node.key.value) in (int, Decimal)):
            self.use(self.walk(node.key, v, scope))
        return self.step(target, "*")

    def object(self, node: Object, v: Parts, scope: Scope) -> Parts:
        members: dict[str, Parts] = {}
        for key, value in node.entries:
            if isinstance(key, Literal) and type(key.value) is str:
                name = key.value
            else:
                self.use(self.walk(key, v, scope))
                name = "*"
            part = self.walk(value, v, scope)
            members[name] = members[name].joined(part) if name in members else part
        return Parts(members=tuple(members.items()))

    def binary(self, node: Binary, v: Parts, scope: Scope) -> Parts:
        left, right = self.walk(node.left, v, scope), self.walk(node.right, v, scope)
        if node.op in ("+", "*", "-"):
            # arrays and objects pass their members on, and whether the operands are such is not known here
            self.used |= left.paths | right.paths
            return left.joined(right)
        self.use(left)
        return self.use(right)

    def patterns(self, patterns: list[Pattern], source: Parts, scope: Scope) -> Scope:
        for pattern in patterns:
            scope = self.pattern(pattern, source, scope)
        return scope

    def pattern(self, pattern: Pattern, source: Parts, scope: Scope) -> Scope:
        def bind(scope: Scope, variable: Variable, part: Parts) -> Scope:
            old = scope.values.get(variable)
            return scope.bound({variable: part.joined(old) if isinstance(old, Parts) else part})

        if isinstance(pattern, PatternVar):
            return bind(scope, pattern.variable, source)
        if isinstance(pattern, PatternArray):
            for item in pattern.items:
                scope = self.pattern(item, self.step(source, "*"), scope)
            return scope
        for key, variable, inner in pattern.entries:
            if isinstance(key, Literal) and type(key.value) is str:
                part = self.step(source, key.value)
            else:
                self.use(self.walk(key, source, scope))
                part = self.step(source, "*")
            if variable is not None:
                scope = bind(scope, variable, part)
            if inner is not None:
                scope = self.pattern(inner, part, scope)
        return scope

    def loop(self, node: Reduce | Foreach, v: Parts, scope: Scope) -> Parts:
        source = self.walk(node.source, v, scope)
        inner = self.patterns(node.patterns, source, scope)
        state = self.walk(node.start, v, scope)
        for _ in range(MAX_LENGTH + 2):
            grown = state.joined(self.walk(node.update, state, inner))
            if grown == state or _heavy(grown):
                state = grown
                break
            state = grown
        if _heavy(state):
            self.use(state)
        if isinstance(node, Foreach) and node.extract is not None:
            return self.walk(node.extract, state, inner)
        return state

    def assign(self, node: Assign, v: Parts, scope: Scope) -> Parts:
        target = self.walk(node.target, v, scope)
        if node.op == "|=":
            value = self.walk(node.value, target, scope)
        else:
            value = self.walk(node.value, v, scope)
            if node.op != "=":
                self.use(target)
        # where the value ends up is not followed: from here on it is used, and so is the rest by whoever uses it
        self.use(value)
        return v

    def call(self, node: Call, v: Parts, scope: Scope) -> Parts:
        target = node.target
        if isinstance(target, Param):
            found = scope.values.get(target)
            if isinstance(found, tuple):
                argument, home = found
                return self.walk(argument, v, home)
            return self.use(v)
        if isinstance(target, Function):
            return self.function(node, target, v, scope)
        arguments = [self.walk(arg, v, scope) for arg in node.args] if node.name not in ("limit", "skip") else []
        match node.name, len(node.args):
            case ("empty", 0):
                return NONE
            case ("path", 1):
                return NONE if not arguments[0].members else self.use(arguments[0])
            case ("first" | "last", 1):
                return arguments[0]
            case ("limit" | "skip", 2):
                self.use(self.walk(node.args[0], v, scope))
                return self.walk(node.args[1], v, scope)
            case ("debug" | "stderr", _):
                self.use(v)
                return v
            case ("error", 1):
                return self.use(arguments[0])
            case ("getpath", 1) if isinstance(node.args[0], Array):
                return self.getpath(node.args[0], v, arguments)
        for argument in arguments:
            self.use(argument)
        if isinstance(target, Registered) and not target.takes_input:
            return NONE
        if node.name in ("infinite", "nan", "now", "env", "inputs", "builtins", "range", "isempty"):
            return NONE
        if node.name in _ORDER_ONLY:
            self.use(v)
            return v
        return self.use(v)

    def getpath(self, keys: Array, v: Parts, arguments: list[Parts]) -> Parts:
        for argument in arguments:
            self.use(argument)
        nodes = [] if keys.body is None else keys.body.parts if isinstance(keys.body, Comma) else [keys.body]
        for key in nodes:
            if not isinstance(key, Literal):
                return self.use(v)
            v = self.step(v, key.value if type(key.value) is str else "*")
        return v

    def function(self, node: Call, function: Function, v: Parts, scope: Scope) -> Parts:
        if function.recursive or self._active.get(function, 0) > 8:
            return self.opaque(node, function, v, scope)
        home = self._homes.get(function, Scope())
        items: dict[Any, Any] = {}
        for param, arg in zip(function.params, node.args, strict=True):
            items[param] = (arg, scope)
            if param.variable is not None:
                items[param.variable] = self.walk(arg, v, scope)
        self._active[function] = self._active.get(function, 0) + 1
        result = self.walk(function.body, v, home.bound(items))
        self._active[function] -= 1
        return result

    def opaque(self, node: Call, function: Function, v: Parts, scope: Scope) -> Parts:
        """A recursive function may take any part of its input, and give it to its arguments."""
        self.use(v)
        home = self._homes.get(function, Scope())
        for value in home.values.values():
            if isinstance(value, Parts):
                self.use(value)
        for arg in node.args:
            self.use(self.walk(arg, v, scope))
        for captured in home.values.values():
            if isinstance(captured, tuple):
                self.use(self.walk(captured[0], v, captured[1]))
        return NONE


def _heavy(parts: Parts) -> bool:
    stack, count = [parts], 0
    while stack and count <= MAX_PATHS:
        part = stack.pop()
        count += 1 + len(part.paths)
        stack.extend(inner for _, inner in part.members)
    return count > MAX_PATHS


class _TooMuch(Exception):
    """The program is too large to follow."""


def reads(tree: Node) -> frozenset[str]:
    """The used paths; a container that was only counted or iterated appears as `path.*`."""
    reader = Reader()
    try:
        reader.use(reader.walk(tree, Parts(frozenset({()})), Scope()))
    except (_TooMuch, RecursionError):
        return frozenset(
            ("."),
        )
    prefixes = {path[:i] for path in reader.used for i in range(len(path) + 1)}
    used = reader.used | (reader.iterated - prefixes)
    return frozenset(".".join(path) or "." for path in used)
