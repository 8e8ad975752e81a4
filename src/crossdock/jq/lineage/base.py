"""The state of following a program: where it stands, what decided that it got there, and what may have failed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from crossdock.jq.lineage.outcome import STOPPED, Outcome, one_of
from crossdock.jq.lineage.scope import Scope
from crossdock.jq.lineage.value import NONE, NULL, Place, Source, Sources, Value, computed
from crossdock.jq.syntax import LabelName, Node

MAX_STEPS = 60_000
MAX_TURNS = 40


class TooMuch(Exception):
    """The program is too large to follow."""


@dataclass(slots=True)
class Failures:
    """What may fail inside one `try`: what decides whether, and what the error says."""

    caught: bool
    """Whether the program looks at the error."""
    happen: bool = False
    decided: Sources = NONE
    error: Value = NULL


@dataclass(slots=True)
class Turn:
    """A function or argument that is being followed, with all that it was called with."""

    input: Value
    scope: Scope
    reason: Sources
    result: Outcome = STOPPED
    grew: int = 0

    def enter(self, value: Value, scope: Scope, reason: Sources) -> None:
        """Called again from inside: from then on it stands for both calls."""
        joined = self.input.joined(value).bounded()
        if joined != self.input:
            self.input = joined if self.grew == 0 else joined.anywhere()
            self.grew += 1
        if self.scope.absorb(scope):
            self.grew += 1
        if not reason <= self.reason:
            self.reason |= reason
            self.grew += 1


class Walk(ABC):
    def __init__(self, variables: tuple[str, ...]) -> None:
        self.variables = frozenset(variables)
        self.reason: Sources = NONE
        """What decided that the program is where it is."""
        self.root = Scope()
        self.used: set[Source] = set()
        """What the program looked at, whether or not that shows in an output."""
        self.iterated: set[Place] = set()
        self.failures = [Failures(False)]
        self.broken: dict[LabelName, Sources] = {}
        self.marks = 0
        self._turns: dict[tuple[object, int], Turn] = {}
        self._steps = 0

    @abstractmethod
    def walk(self, node: Node, value: Value, scope: Scope) -> Outcome: ...

    def step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooMuch

    # -- why

    @contextmanager
    def because(self, reason: Sources) -> Iterator[None]:
        before = self.reason
        self.reason |= reason
        try:
            yield
        finally:
            self.reason = before

    def steadily(self, follow: Callable[[], tuple[Outcome, Sources]]) -> Outcome:
        """Follows something that may be left before its end, for the reasons it gives; they are reasons inside it."""
        outcome, reasons = follow()
        for _ in range(MAX_TURNS):
            if reasons <= self.reason:
                return outcome
            with self.because(reasons):
                outcome, more = follow()
            if more <= reasons | self.reason:
                return outcome
            reasons |= more
        raise TooMuch

    # -- what fails

    def fail(self, decided: Sources, *said: Value) -> None:
        """Here the program may raise an error, as decided, that says something of the values."""
        failures = self.failures[-1]
        failures.happen = True
        failures.decided |= decided | self.reason
        if failures.caught:
            failures.error = failures.error.joined(computed(*said))

    def raise_(self, value: Value) -> Outcome:
        """Here the program does raise an error of its own."""
        failures = self.failures[-1]
        failures.happen = True
        failures.decided |= self.reason
        failures.error = failures.error.joined(value)
        self.use(value)
        return STOPPED

    @contextmanager
    def trying(self, *, caught: bool) -> Iterator[Failures]:
        failures = Failures(caught)
        self.failures.append(failures)
        try:
            yield failures
        finally:
            self.failures.pop()

    # -- what is looked at

    def use(self, *values: Value) -> Value:
        """A value that is computed from these."""
        result = computed(*values)
        self.used |= result.data | result.decided
        return result

    def truth(self, outcome: Outcome) -> Sources:
        """What decides how a condition turns out."""
        reasons = outcome.deciding()
        self.used |= reasons
        return reasons

    # -- what calls itself

    def turning(
        self, key: tuple[object, int], value: Value, scope: Scope, follow: Callable[[Value, Scope], Outcome]
    ) -> Outcome:
        """Follows what may call itself until nothing new comes of it."""
        turn = self._turns.get(key)
        if turn is not None:
            turn.enter(value, scope, self.reason)
            return turn.result
        turn = self._turns[key] = Turn(value, scope, self.reason)
        before = self.reason
        try:
            for count in range(MAX_TURNS):
                grew = turn.grew
                self.reason = turn.reason
                result = follow(turn.input, turn.scope)
                joined = result if turn.result is STOPPED else one_of((turn.result, result), NONE)
                if count > 1 and joined != turn.result:
                    joined = joined.with_value(joined.value.anywhere())
                if joined == turn.result and grew == turn.grew:
                    return joined
                turn.result = joined
            raise TooMuch
        finally:
            self.reason = before
            del self._turns[key]
