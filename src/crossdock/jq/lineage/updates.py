"""Paths and what is done at them: path, getpath, setpath, del, pick and the assignments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal

from crossdock.jq.lineage.base import TooMuch
from crossdock.jq.lineage.calls import Calls
from crossdock.jq.lineage.outcome import Outcome
from crossdock.jq.lineage.scope import Scope
from crossdock.jq.lineage.value import (
    ANY,
    DEEP,
    MARK,
    NONE,
    NULL,
    SLICE,
    Place,
    Sources,
    Value,
    put,
    without,
)
from crossdock.jq.syntax import (
    Array,
    Assign,
    Binary,
    Call,
    Comma,
    Format,
    Function,
    Identity,
    Index,
    Iterate,
    Literal,
    Logic,
    Negate,
    Node,
    Param,
    Pipe,
    Text,
    Try,
)

MAX_ROUTES = 400


class Updates(Calls, ABC):
    @abstractmethod
    def operated(self, op: str, left: Value, right: Value, nodes: tuple[Node, ...]) -> Value:
        """What an operator makes of two values; the nodes tell what they are written as."""

    # -- where a path expression leads

    def routes(self, node: Node, value: Value, scope: Scope) -> tuple[list[Place], Sources]:
        """Where an expression may lead from the value, and what that depends on.

        The value is marked as the copy of a place of its own, and what comes out says which way it went.
        """
        self.marks += 1
        mark = f"{MARK}{self.marks}"
        try:
            marked = value.joined(Value({(mark,): frozenset()}))
            outcome = self.walk(node, marked, scope)
        finally:
            self.marks -= 1
        found = [] if outcome.never else [place[1:] for place in outcome.value.copies if place[0] == mark]
        reasons = outcome.count | outcome.value.unmarked(mark).decided
        self.used |= reasons
        return (found if len(found) <= MAX_ROUTES else [(DEEP,)]), reasons

    def surely(self, node: Node, scope: Scope) -> list[Place] | None:
        """The routes of an expression that always leads to each of them; None where that is not plain to see."""
        if isinstance(node, Identity):
            return [()]
        if isinstance(node, Index):
            if not isinstance(node.key, Literal) or type(node.key.value) is not str:
                return None
            return _longer(self.surely(node.target, scope), [(node.key.value,)])
        if isinstance(node, Iterate):
            return _longer(self.surely(node.target, scope), [(ANY,)])
        if isinstance(node, Pipe):
            return _longer(self.surely(node.left, scope), self.surely(node.right, scope))
        if isinstance(node, Try) and node.handler is None:
            return self.surely(node.body, scope)
        if isinstance(node, Comma):
            found: list[Place] = []
            for part in node.parts:
                more = self.surely(part, scope)
                if more is None:
                    return None
                found += more
            return found
        if isinstance(node, Call) and isinstance(node.target, Param):
            arguments = scope.arguments[node.target].nodes
            if len(arguments) == 1:
                ((argument, home),) = arguments.items()
                return self.surely(argument, home)
        return None

    def paths(self, node: Node, value: Value, scope: Scope) -> Outcome:
        routes, reasons = self.routes(node, value, scope)
        self.fail(value.shape() | reasons, value)
        names: Sources = reasons
        for route in routes:
            for i, key in enumerate(route):
                if key in (ANY, SLICE):
                    names |= value.at(route[:i]).shape()
                elif key == DEEP:
                    data, decided = value.at(route[:i]).everything()
                    names |= data | decided
        self.used |= names
        sure = self.surely(node, scope)
        number = len(sure) if sure is not None and not any(ANY in route for route in sure) else None
        if not routes and number is None:
            return Outcome(NULL, None, reasons)
        path = Value(data=names)
        return Outcome(path, number, NONE if number is not None else names)

    # -- functions of paths

    def special(self, node: Call, function: Function, value: Value, scope: Scope) -> Outcome | None:
        if not function.builtin or len(node.args) != 1:
            return None
        if node.name == "del":
            return self._deleted(node.args[0], value, scope)
        if node.name == "pick":
            return self._picked(node.args[0], value, scope)
        return None

    def _deleted(self, node: Node, value: Value, scope: Scope) -> Outcome:
        sure = self.surely(node, scope)
        routes, reasons = self.routes(node, value, scope)
        self.fail(value.shape() | reasons, value)
        for route in routes if sure is None else sure:
            value = without(value, route, surely=sure is not None)
        return Outcome(
            value.bounded() if sure is not None else value.bounded().depending(keys=reasons, decided=reasons)
        )

    def _picked(self, node: Node, value: Value, scope: Scope) -> Outcome | None:
        sure = self.surely(node, scope)
        if sure is None or any(ANY in route for route in sure):
            return None
        self.routes(node, value, scope)
        self.fail(value.shape(), value)
        found = NULL
        for route in sure:
            found = put(found, route, value.at(route), surely=True)
        return Outcome(found)

    def at_path(self, node: Call, value: Value, given: list[Value]) -> Value | None:
        if node.target is not None or node.name not in ("getpath", "setpath", "delpaths"):
            return None
        known = _constant_routes(node.args[0]) if node.name == "delpaths" else _constant_route(node.args[0])
        said = self.use(given[0])
        reasons = said.data | said.decided
        self.fail(value.shape() | reasons, value, given[0])
        if known is None:
            anywhere = value.anywhere()
            if node.name == "setpath":
                anywhere = anywhere.joined(given[1].anywhere())
            return anywhere.depending(decided=reasons, keys=reasons)
        for route in known:
            if node.name == "getpath":
                return value.at(route)
            exact = ANY not in route
            if node.name == "setpath":
                return put(value, route, given[1], surely=exact)
            value = without(value, route, surely=exact)
        return value

    # -- assignments

    def assign(self, node: Assign, value: Value, scope: Scope) -> Outcome:
        sure = self.surely(node.target, scope)
        if sure is not None and _overlap(sure):
            sure = None
        given = Outcome(value) if node.op == "|=" else self.walk(node.value, value, scope)
        if given.never:
            return given
        with self.because(given.count):
            routes, reasons = self.routes(node.target, value, scope)
            self.fail(value.shape() | reasons, value)
            if sure is not None:
                for route in sure:
                    value = self._changed(node, value, route, given.value, scope, reasons, surely=True)
                return given.with_value(value.bounded())
            for turn in range(12):
                changed = value
                for route in routes:
                    changed = self._changed(node, changed, route, given.value, scope, reasons, surely=False)
                changed = changed.bounded() if turn < 3 else changed.anywhere()
                if changed == value:
                    return given.with_value(value.depending(keys=reasons, decided=reasons))
                value = changed
        raise TooMuch

    def _changed(
        self, node: Assign, value: Value, route: Place, given: Value, scope: Scope, reasons: Sources, *, surely: bool
    ) -> Value:
        """The value after the assignment at one of its routes."""
        old = value.at(route)
        if node.op == "=":
            return put(value, route, given, surely=surely)
        if node.op == "//=":
            self.used |= old.shape()
            return put(value, route, old.joined(given).depending(decided=old.shape()), surely=surely)
        if node.op != "|=":
            return put(value, route, self.operated(node.op[:-1], old, given, (node.value,)), surely=surely)
        with self.because(reasons):
            new = self.walk(node.value, old, scope)
        if new.number == 0:
            return without(value, route, surely=surely)
        kept = put(value, route, new.value.depending(decided=new.count), surely=surely)
        if new.number in (1, -1):
            return kept
        self.used |= new.count
        return kept.joined(without(value, route, surely=surely)).depending(keys=new.count, decided=new.count)


def _longer(first: list[Place] | None, second: list[Place] | None) -> list[Place] | None:
    if first is None or second is None or len(first) * len(second) > MAX_ROUTES:
        return None
    return [(*start, *rest) for start in first for rest in second]


def _overlap(routes: list[Place]) -> bool:
    """Whether one leads to what another leads to, or into it."""
    return any(
        all(a == b or ANY in (a, b) for a, b in zip(first, second, strict=False))
        for i, first in enumerate(routes)
        for second in routes[:i]
    )


def _listed(node: Node) -> list[Node] | None:
    if not isinstance(node, Array):
        return None
    return [] if node.body is None else node.body.parts if isinstance(node.body, Comma) else [node.body]


def _constant_route(node: Node) -> list[Place] | None:
    keys = []
    for key in _listed(node) or ():
        if not isinstance(key, Literal) or type(key.value) not in (str, int, Decimal):
            return None
        keys.append(key.value if type(key.value) is str else ANY)
    return [tuple(keys)] if isinstance(node, Array) else None


def _constant_routes(node: Node) -> list[Place] | None:
    routes: list[Place] = []
    listed = _listed(node)
    for part in listed or ():
        route = _constant_route(part)
        if route is None:
            return None
        routes += route
    return None if listed is None else routes


def is_scalar(node: Node) -> bool:
    """Whether it surely gives numbers, texts or booleans, so that no sum with it is an array or object."""
    while isinstance(node, Binary):
        if node.op not in ("+", "-", "*"):
            return node.op != "/"  # which splits texts
        if is_scalar(node.right):
            return True
        node = node.left
    if isinstance(node, Literal):
        return node.value is not None
    return isinstance(node, (Text, Format, Negate, Logic))
