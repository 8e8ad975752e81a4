"""Variables, patterns and loops."""

from __future__ import annotations

from abc import ABC

from crossdock.jq.lineage.base import MAX_TURNS, TooMuch, Walk
from crossdock.jq.lineage.outcome import STOPPED, Outcome, then, times
from crossdock.jq.lineage.scope import Scope
from crossdock.jq.lineage.value import ANY, DEEP, NONE, NULL, Sources, Value, computed, type_of
from crossdock.jq.syntax import (
    Bind,
    Foreach,
    Literal,
    Node,
    Pattern,
    PatternArray,
    PatternVar,
    Reduce,
    pattern_variables,
)


class Loops(Walk, ABC):
    def keyed(self, target: Value, key: Value) -> Value:
        """What is at a computed key."""
        chosen = self.use(key)
        reasons = chosen.data | chosen.decided
        self.fail(target.shape() | reasons, type_of(target), key)
        if key.words:
            found = NULL if not key.words else None
            for word in sorted(key.words):
                step = target.step(word)
                found = step if found is None else found.joined(step)
            return (found or NULL).depending(decided=reasons)
        # a key that is an object is a slice, and one that is an array gives the places where that is found
        inside = target.step(ANY)
        listed = computed(inside)
        found = inside.joined(Value({}, {ANY: inside}, target.shape() | listed.data, listed.decided))
        marks = {(*place, ANY): gone for place, gone in target.marks().items() if place[-1] != DEEP}
        return found.joined(Value(marks)).depending(decided=reasons)

    def bind(self, node: Bind, value: Value, scope: Scope) -> Outcome:
        source = self.walk(node.source, value, scope)
        if source.never:
            return source
        with self.because(source.count):
            return then(source, self.bound(node.patterns, source.value, scope, value, node.body))

    def bound(self, patterns: list[Pattern], source: Value, scope: Scope, value: Value, *bodies: Node) -> Outcome:
        """The outputs of the bodies, one piped into the next, with the variables of the patterns bound."""

        def follow() -> Outcome:
            inner, count = scope, NONE
            number: int | None = 1
            if len(patterns) > 1:
                names = {variable for pattern in patterns for variable in pattern_variables(pattern)}
                for variable in names:
                    inner = inner.binding(variable, NULL)
            for pattern in patterns:
                inner, keys = self.matched(pattern, source, inner, several=len(patterns) > 1)
                number, count = times(number, keys.number), count | keys.count
            outcome = Outcome(value)
            for body in bodies:
                with self.because(count | outcome.count):
                    outcome = then(outcome, self.walk(body, outcome.value, inner))
            if len(patterns) > 1:
                return outcome.uncertain(count)
            return then(Outcome(NULL, number, count), outcome)

        if len(patterns) == 1:
            return follow()

        def attempt() -> tuple[Outcome, Sources]:
            with self.trying(caught=False) as failures:
                outcome = follow()
            self.fail(failures.decided, source)
            found = outcome.with_value(outcome.value.depending(decided=failures.decided))
            return found.uncertain(failures.decided), failures.decided

        return self.steadily(attempt)

    def matched(self, pattern: Pattern, source: Value, scope: Scope, *, several: bool) -> tuple[Scope, Outcome]:
        """The scope with the variables of a pattern, and how often the pattern matches."""
        if isinstance(pattern, PatternVar):
            old = scope.values.get(pattern.variable) if several else None
            return scope.binding(pattern.variable, source if old is None else old.joined(source)), Outcome(NULL)
        total = Outcome(NULL)
        if isinstance(pattern, PatternArray):
            self.fail(source.shape(), type_of(source))
            for item in pattern.items:
                scope, keys = self.matched(item, source.step(ANY), scope, several=several)
                total = then(total, keys)
            return scope, total
        for key, variable, inner in pattern.entries:
            names = self.walk(key, source, scope)
            total = then(total, names)
            if isinstance(key, Literal) and type(key.value) is str:
                self.fail(source.shape(), type_of(source))
                part = source.step(key.value)
            else:
                part = self.keyed(source, names.value)
            if variable is not None:
                old = scope.values.get(variable) if several else None
                scope = scope.binding(variable, part if old is None else old.joined(part))
            if inner is not None:
                scope, keys = self.matched(inner, part, scope, several=several)
                total = then(total, keys)
        return scope, total

    def reduce(self, node: Reduce, value: Value, scope: Scope) -> Outcome:
        start = self.walk(node.start, value, scope)
        if start.never:
            return start
        with self.because(start.count):
            source = self.walk(node.source, value, scope)
        if source.number == -1:
            return STOPPED
        state, count = start.value, source.count
        if not source.never:
            state, count, _ = self._loop(node, start.value, source, scope)
        return start.with_value(state.depending(decided=count))

    def _loop(
        self, node: Reduce | Foreach, state: Value, source: Outcome, scope: Scope
    ) -> tuple[Value, Sources, Outcome]:
        """What the state may be in the end, what the number of turns depends on, and what the turns give."""
        count = source.count
        for turn in range(MAX_TURNS):
            with self.because(count):
                new = self.bound(node.patterns, source.value, scope, state, node.update)
            count |= new.count
            after = state if new.never else new.value
            joined = state.joined(after).joined(NULL) if new.number != 1 else state.joined(after)
            joined = joined.bounded()
            if turn > 2 and joined != state:
                joined = joined.anywhere()
            if joined == state:
                return state, count, new
            state = joined
        raise TooMuch

    def foreach(self, node: Foreach, value: Value, scope: Scope) -> Outcome:
        start = self.walk(node.start, value, scope)
        if start.never:
            return start
        with self.because(start.count):
            source = self.walk(node.source, value, scope)
        if source.never:
            return source
        state, count, given = self._loop(node, start.value, source, scope)
        if node.extract is not None:
            with self.because(count):
                given = self.bound(node.patterns, source.value, scope, state, node.update, node.extract)
        number = times(start.number, times(source.number, given.number))
        found = given.value.depending(decided=count)
        return Outcome(found, number, NONE if number is not None else start.count | count | given.count)
