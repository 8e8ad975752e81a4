"""Follows a program on places instead of values.

Sound by construction: what is not understood counts as computed from all that it was given. Two things flow: values,
and decisions. A decision is followed wherever it shows: in which value there is, in how many outputs there are, in
whether an error is caught or a label is broken out of. Only that a run as a whole fails is not followed: it has no
outputs to follow it to.
"""

from __future__ import annotations

from collections.abc import Iterable

from crossdock.jq.lineage.base import TooMuch
from crossdock.jq.lineage.loops import Loops
from crossdock.jq.lineage.outcome import EMPTY, STOPPED, Outcome, for_each, in_turn, one_of, then
from crossdock.jq.lineage.scope import Scope
from crossdock.jq.lineage.updates import Updates, is_scalar
from crossdock.jq.lineage.value import ANY, DEEP, INPUT, NONE, NULL, SLICE, Sources, Value, type_of
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
    Pipe,
    Reduce,
    Registered,
    Slice,
    Text,
    Try,
    Var,
)  # fmt: skip

_VALUES = (Array, Assign, Binary, Format, Literal, Logic, Negate, Object, Text, Var)
"""What makes a value of its own; a path expression accepts it where it is the very input."""


_PATH_FORMS = frozenset(("first", "last", "limit", "skip", "recurse", "getpath", "empty", "error"))


def _makes_value(node: Node) -> bool:
    if isinstance(node, Call):
        return node.name not in _PATH_FORMS and (node.target is None or isinstance(node.target, Registered))
    return isinstance(node, _VALUES)


class Trace(Updates, Loops):
    def walk(self, node: Node, value: Value, scope: Scope) -> Outcome:
        self.step()
        outcome = self.follow(node, value, scope)
        if self.marks and _makes_value(node) and (marks := value.marks()):
            outcome = outcome.with_value(outcome.value.joined(Value(marks)))
        return outcome

    def follow(self, node: Node, value: Value, scope: Scope) -> Outcome:
        match node:
            case Identity():
                return Outcome(value)
            case Literal():
                return Outcome(Value(words=frozenset((node.value,))) if type(node.value) is str else NULL)
            case Var():
                return Outcome(self.variable(node, scope))
            case Index():
                return self.index(node, value, scope)
            case Slice():
                return self.slice(node, value, scope)
            case Iterate():
                return self.iterate(node, value, scope)
            case Pipe():
                return self.pipe(node, value, scope)
            case Comma():
                return in_turn(self.walk(part, value, scope) for part in node.parts)
            case Array():
                body = EMPTY if node.body is None else self.walk(node.body, value, scope)
                members = {} if body.never else {ANY: body.value}
                return STOPPED if body.number == -1 else Outcome(Value(members=members, keys=body.count))
            case Object():
                return self.object(node, value, scope)
            case Text():
                return self.made([part for part in node.parts if isinstance(part, Node)], value, scope)
            case Format():
                self.fail(value.shape(), value)
                return Outcome(self.use(value))
            case Negate():
                return self.made([node.body], value, scope)
            case Binary():
                return self.binary(node, value, scope)
            case Logic():
                return self.logic(node, value, scope)
            case Alternative():
                return self.alternative(node, value, scope)
            case If():
                return self.choice(node, value, scope)
            case Try():
                return self.attempt(node, value, scope)
            case Bind():
                return self.bind(node, value, scope)
            case Reduce():
                return self.reduce(node, value, scope)
            case Foreach():
                return self.foreach(node, value, scope)
            case Define():
                inner = scope.copy()
                inner.homes[node.function] = inner
                return self.walk(node.body, value, inner)
            case Label():
                return self.label(node, value, scope)
            case BreakTo():
                if node.label is not None:
                    self.broken[node.label] = self.broken.get(node.label, NONE) | self.reason
                return STOPPED
            case Assign():
                return self.assign(node, value, scope)
            case Call():
                return self.call(node, value, scope)
        raise TooMuch  # a node that is new to this trace

    # -- parts

    def variable(self, node: Var, scope: Scope) -> Value:
        found = scope.values.get(node.variable) if node.variable is not None else None
        if found is not None:
            return found
        return Value({(f"${node.name}",): frozenset()}) if node.name in self.variables else NULL

    def index(self, node: Index, value: Value, scope: Scope) -> Outcome:
        target = self.walk(node.target, value, scope)
        if isinstance(node.key, Literal):
            key = node.key.value if type(node.key.value) is str else ANY
            self.fail(target.value.shape(), type_of(target.value))
            return target.with_value(target.value.step(key))
        keys = self.walk(node.key, value, scope)
        found = self.keyed(target.value, keys.value)
        return for_each((target, keys), found)

    def slice(self, node: Slice, value: Value, scope: Scope) -> Outcome:
        target = self.walk(node.target, value, scope)
        bounds = [self.walk(bound, value, scope) for bound in (node.start, node.end) if bound is not None]
        limits = self.use(*(bound.value for bound in bounds))
        reasons = limits.data | limits.decided
        self.fail(target.value.shape() | reasons, type_of(target.value), limits)
        whole = target.value
        part = Value(members={ANY: whole.step(ANY)}, data=whole.shape(), decided=whole.decided, keys=reasons)
        marks = {(*place, SLICE): gone for place, gone in whole.marks().items() if place[-1] != DEEP}
        marks.update((place, gone) for place, gone in whole.marks().items() if place[-1] == DEEP)
        return for_each((target, *bounds), part.joined(Value(marks)) if marks else part)

    def iterate(self, node: Iterate, value: Value, scope: Scope) -> Outcome:
        target = self.walk(node.target, value, scope)
        reasons = target.value.shape()
        self.fail(reasons, target.value)
        found = target.value.step(ANY)
        self.iterated |= {place for place in found.copies if not place[0].startswith("@")}
        return Outcome(found, None, target.count | reasons)

    def pipe(self, node: Pipe, value: Value, scope: Scope) -> Outcome:
        outcome = Outcome(value)
        rest: Node = node
        before = self.reason
        try:
            while isinstance(rest, Pipe):
                outcome = then(outcome, self.walk(rest.left, outcome.value, scope))
                self.reason |= outcome.count
                if outcome.never:
                    return outcome
                rest = rest.right
            return then(outcome, self.walk(rest, outcome.value, scope))
        finally:
            self.reason = before

    def object(self, node: Object, value: Value, scope: Scope) -> Outcome:
        members: dict[str, Value] = {}
        keys: Sources = NONE
        outcomes = []
        for key, member in node.entries:
            name = self.walk(key, value, scope)
            with self.because(name.count):
                held = self.walk(member, value, scope)
            outcomes += [name, held]
            names: Iterable[str] = name.value.words
            if not names:
                self.fail(name.deciding(), name.value)
                names = (ANY,)
            if not isinstance(key, Literal):
                made = self.use(name.value)
                keys |= made.data | made.decided
            for word in names:
                several = word == ANY or len(name.value.words) > 1
                old = members.get(word) if several else None
                members[word] = held.value if old is None else old.joined(held.value)
        return for_each(outcomes, Value(members=members, keys=keys))

    def made(self, nodes: Iterable[Node], value: Value, scope: Scope) -> Outcome:
        """A value computed from the outputs of some others."""
        outcomes = [self.walk(node, value, scope) for node in nodes]
        result = self.use(*(outcome.value for outcome in outcomes))
        self.fail(result.data | result.decided, *(outcome.value for outcome in outcomes))
        return for_each(outcomes, result)

    def binary(self, node: Binary, value: Value, scope: Scope) -> Outcome:
        right = self.walk(node.right, value, scope)
        with self.because(right.count):
            left = self.walk(node.left, value, scope)
        return for_each((left, right), self.operated(node.op, left.value, right.value, (node.left, node.right)))

    def operated(self, op: str, left: Value, right: Value, nodes: tuple[Node, ...]) -> Value:
        reasons = left.shape() | right.shape()
        self.fail(reasons, left, right)
        if op == "+" and not any(map(is_scalar, nodes)):
            self.used |= reasons
            both = left.joined(right).depending(data=left.scalar() | right.scalar())
            if not right.copies or any(isinstance(node, Object) for node in nodes):
                return both
            return both.joined(Value(members={ANY: Value(right.copies).step(ANY)}))  # elements come after others
        return self.use(left, right)

    # -- decisions

    def logic(self, node: Logic, value: Value, scope: Scope) -> Outcome:
        left = self.walk(node.left, value, scope)
        reasons = self.truth(left)
        with self.because(reasons):
            right = self.walk(node.right, value, scope)
        result = Value(data=left.value.shape() | right.value.shape())
        self.truth(right)
        number = left.number if right.number == 1 else None
        return Outcome(result, number, NONE if number is not None else reasons | right.count)

    def alternative(self, node: Alternative, value: Value, scope: Scope) -> Outcome:
        left = self.walk(node.left, value, scope)
        if left.number == -1:
            return left
        reasons = self.truth(left)
        with self.because(reasons):
            right = self.walk(node.right, value, scope)
        if left.never:
            return right
        both = left.value if right.never else left.value.joined(right.value)
        number = 1 if left.number == 1 and right.number in (1, -1) else None
        count = NONE if number is not None else reasons | left.count | right.count
        return Outcome(both.depending(decided=reasons), number, count)

    def choice(self, node: If, value: Value, scope: Scope) -> Outcome:
        condition = self.walk(node.condition, value, scope)
        if condition.never:
            return condition
        reasons = self.truth(condition)
        with self.because(reasons):
            met = self.walk(node.then, value, scope)
            otherwise = Outcome(value) if node.otherwise is None else self.walk(node.otherwise, value, scope)
        return then(condition, one_of((met, otherwise), reasons))

    def attempt(self, node: Try, value: Value, scope: Scope) -> Outcome:
        with self.trying(caught=node.handler is not None) as failures:
            body = self.walk(node.body, value, scope)
        if not failures.happen:
            return body
        self.used |= failures.decided
        if node.handler is None:
            return EMPTY.uncertain(failures.decided) if body.number == -1 else body.uncertain(failures.decided)
        with self.because(failures.decided):
            handled = self.walk(node.handler, failures.error, scope)
        if body.number == -1:
            return handled if handled.number == -1 else handled.uncertain(failures.decided)
        outcome = one_of((body, handled), failures.decided)
        if body.number == 1 and handled.number in (1, -1):
            return outcome
        return outcome.uncertain(failures.decided | body.count | handled.count)

    def label(self, node: Label, value: Value, scope: Scope) -> Outcome:
        def follow() -> tuple[Outcome, Sources]:
            outcome = self.walk(node.body, value, scope)
            return outcome, self.broken.get(node.label, NONE)

        outcome = self.steadily(follow)
        if node.label not in self.broken:
            return outcome
        reasons = self.broken[node.label]
        return EMPTY.uncertain(reasons) if outcome.number == -1 else outcome.uncertain(reasons)


def traced(tree: Node, variables: tuple[str, ...]) -> tuple[Trace, Outcome] | None:
    """The program, followed; None where it is too large for that."""
    trace = Trace(variables)
    try:
        return trace, trace.walk(tree, Value({(INPUT,): frozenset()}), trace.root)
    except (TooMuch, RecursionError):
        return None
