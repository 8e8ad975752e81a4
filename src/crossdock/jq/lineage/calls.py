"""Calls: of parameters, functions, built-in forms and natives, and what the host lends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

from crossdock.jq.lineage.base import Walk
from crossdock.jq.lineage.natives import NATIVE
from crossdock.jq.lineage.outcome import EMPTY, STOPPED, Outcome, for_each, one_of, then, times
from crossdock.jq.lineage.scope import Arguments, Scope
from crossdock.jq.lineage.value import NONE, NULL, Source, Sources, Value
from crossdock.jq.syntax import Call, Function, Literal, Node, Param, Registered


class Calls(Walk, ABC):
    def call(self, node: Call, value: Value, scope: Scope) -> Outcome:
        target = node.target
        if isinstance(target, Param):
            return self.argument(scope.arguments[target], value)
        if isinstance(target, Function):
            special = self.special(node, target, value, scope)
            return special if special is not None else self.function(node, target, value, scope)
        if isinstance(target, Registered):
            return self.lent(node, target, value, scope)
        form = FORMS.get((node.name, len(node.args)))
        if form is not None:
            return form(self, node, value, scope)
        return self.native(node, value, scope)

    @abstractmethod
    def special(self, node: Call, function: Function, value: Value, scope: Scope) -> Outcome | None:
        """What a function of the prelude gives, where that is told more exactly than by how it is written."""

    @abstractmethod
    def paths(self, node: Node, value: Value, scope: Scope) -> Outcome:
        """The paths that an expression yields, as values."""

    @abstractmethod
    def at_path(self, node: Call, value: Value, given: list[Value]) -> Value | None:
        """What getpath, setpath and delpaths give; None for other natives."""

    # -- functions

    def argument(self, arguments: Arguments, value: Value) -> Outcome:
        if len(arguments.nodes) == 1:
            ((node, scope),) = arguments.nodes.items()
            return self.walk(node, value, scope)
        return one_of(
            [
                self.turning((node, id(arguments)), value, scope, partial(self.walk, node))
                for node, scope in list(arguments.nodes.items())
            ],
            NONE,
        )

    def function(self, node: Call, function: Function, value: Value, scope: Scope) -> Outcome:
        home = scope.homes.get(function, self.root)
        inner = home.copy()
        number: int | None = 1
        count: Sources = NONE
        for param, arg in zip(function.params, node.args, strict=True):
            inner.arguments[param] = _handed_on(arg, scope) or Arguments({arg: scope})
            if param.variable is not None:
                given = self.walk(arg, value, scope)
                inner.values[param.variable] = given.value
                number, count = times(number, given.number), count | given.count
        before = Outcome(NULL, number, NONE if number is not None else count)
        if before.never:
            return before
        with self.because(before.count):
            if function.recursive:
                key = (function, id(home))
                after = self.turning(key, value, inner, partial(self.walk, function.body))
            else:
                after = self.walk(function.body, value, inner)
        return then(before, after)

    def lent(self, node: Call, target: Registered, value: Value, scope: Scope) -> Outcome:
        """A function of the host: its result comes from what it is given, and from what it alone knows."""
        outcomes = [self.walk(arg, value, scope) for arg in node.args]
        given = [outcome.value for outcome in outcomes]
        if target.takes_input:
            given.insert(0, value)
        result = self.use(*given)
        self.fail(result.data | result.decided, result)
        first = node.args[0] if node.args else None
        named = f'"{first.value}"' if isinstance(first, Literal) and type(first.value) is str else ""
        itself = Source((f"{node.name}({named})",), True, frozenset())
        return for_each(outcomes, result.depending(data=frozenset((itself,))))

    # -- natives

    def native(self, node: Call, value: Value, scope: Scope) -> Outcome:
        outcomes = [self.walk(arg, value, scope) for arg in node.args]
        given = [outcome.value for outcome in outcomes]
        if (at := self.at_path(node, value, given)) is not None:
            return for_each(outcomes, at)
        everything = [value, *given]
        rule = NATIVE.get((node.name, len(node.args)))
        if rule is None:
            result = self.use(*everything)
            reasons = result.data | result.decided
        else:
            result, looked = rule(*everything)
            self.used |= looked
            reasons = value.shape() | looked
        self.fail(reasons, *everything)
        return for_each(outcomes, result)


def _handed_on(arg: Node, scope: Scope) -> Arguments | None:
    """What an argument stands for that is itself a parameter, merely handed on."""
    if isinstance(arg, Call) and isinstance(arg.target, Param):
        return scope.arguments.get(arg.target)
    return None


# -- forms

Form = Callable[[Calls, Call, Value, Scope], Outcome]
FORMS: dict[tuple[str, int], Form] = {}


def _form(*names: tuple[str, int]) -> Callable[[Form], Form]:
    def register(rule: Form) -> Form:
        FORMS.update(dict.fromkeys(names, rule))
        return rule

    return register


@_form(("empty", 0), ("inputs", 0))
def _empty(_t: Calls, _node: Call, _value: Value, _scope: Scope) -> Outcome:
    return EMPTY


@_form(("error", 0))
def _error(t: Calls, _node: Call, value: Value, _scope: Scope) -> Outcome:
    return t.raise_(value)


@_form(("error", 1))
def _error_of(t: Calls, node: Call, value: Value, scope: Scope) -> Outcome:
    said = t.walk(node.args[0], value, scope)
    if said.never:
        return said
    with t.because(said.count):
        t.raise_(said.value)
    return STOPPED if said.number is not None else EMPTY.uncertain(said.count)


@_form(("env", 0), ("now", 0))
def _constant(t: Calls, _node: Call, _value: Value, _scope: Scope) -> Outcome:
    t.fail(NONE)
    return Outcome(NULL)


@_form(("not", 0))
def _not(t: Calls, _node: Call, value: Value, _scope: Scope) -> Outcome:
    return Outcome(Value(data=t.truth(Outcome(value))))


@_form(("debug", 0), ("stderr", 0))
def _debug(t: Calls, _node: Call, value: Value, _scope: Scope) -> Outcome:
    t.use(value)
    return Outcome(value)


@_form(("debug", 1))
def _debug_of(t: Calls, node: Call, value: Value, scope: Scope) -> Outcome:
    t.use(t.walk(node.args[0], value, scope).value)
    return Outcome(value)


def _left_early(t: Calls, node: Node, value: Value, scope: Scope, why: Sources = NONE) -> Outcome:
    """The outputs of what may be left before its end."""

    def follow() -> tuple[Outcome, Sources]:
        outcome = t.walk(node, value, scope)
        return outcome, outcome.count | why

    return t.steadily(follow)


@_form(("first", 1))
def _first(t: Calls, node: Call, value: Value, scope: Scope) -> Outcome:
    found = _left_early(t, node.args[0], value, scope)
    if found.never:
        return found
    first = found.with_value(found.value.depending(decided=found.count))
    return first if found.number is None else Outcome(first.value)


@_form(("last", 1))
def _last(t: Calls, node: Call, value: Value, scope: Scope) -> Outcome:
    found = t.walk(node.args[0], value, scope)
    if found.never:
        return found
    last = found.with_value(found.value.depending(decided=found.count))
    return last if found.number is None else Outcome(last.value)


@_form(("limit", 2), ("skip", 2))
def _some(t: Calls, node: Call, value: Value, scope: Scope) -> Outcome:
    number = t.walk(node.args[0], value, scope)
    said = t.use(number.value)
    reasons = said.data | said.decided | number.count
    t.fail(reasons, number.value)
    with t.because(number.count):
        found = _left_early(t, node.args[1], value, scope, reasons)
    return found if found.never else found.uncertain(reasons)


@_form(("isempty", 1))
def _isempty(t: Calls, node: Call, value: Value, scope: Scope) -> Outcome:
    found = _left_early(t, node.args[0], value, scope)
    if found.number == -1:
        return found
    t.used |= found.count
    return Outcome(Value(decided=found.count if found.number is None else NONE))


@_form(("range", 1), ("range", 2), ("range", 3))
def _range(t: Calls, node: Call, value: Value, scope: Scope) -> Outcome:
    bounds = [t.walk(arg, value, scope) for arg in node.args]
    result = t.use(*(bound.value for bound in bounds))
    reasons = result.data | result.decided
    t.fail(reasons, result)
    return for_each(bounds, result).uncertain(reasons)


@_form(("recurse", 0))
def _recurse(_t: Calls, _node: Call, value: Value, _scope: Scope) -> Outcome:
    data, decided = value.everything()
    return Outcome(value.anywhere(), None, data | decided)


@_form(("path", 1))
def _path(t: Calls, node: Call, value: Value, scope: Scope) -> Outcome:
    return t.paths(node.args[0], value, scope)
