"""What a part of a program gives: what its outputs may be, and how many there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from crossdock.jq.lineage.value import NONE, NULL, Sources, Value

STOPS = -1
"""As a number of outputs: it does not come to its end, because it raises, breaks, or was not looked at yet."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`number` of outputs, None where it is not always the same: `count` is then what that depends on."""

    value: Value
    number: int | None = 1
    count: Sources = NONE

    @property
    def never(self) -> bool:
        return self.number is not None and self.number <= 0

    def deciding(self) -> Sources:
        """What the values of the outputs and their number say of the sources, by type and truth alone."""
        return self.value.shape() | self.count

    def with_value(self, value: Value) -> Outcome:
        return replace(self, value=value)

    def uncertain(self, count: Sources) -> Outcome:
        """The same outputs, of which some may be missing."""
        return Outcome(self.value, None, self.count | count)


EMPTY = Outcome(NULL, 0)
STOPPED = Outcome(NULL, STOPS)


def times(first: int | None, second: int | None) -> int | None:
    if first == 0 or (second == 0 and first is not None and first > 0):
        return 0
    if first is None or second is None:
        return None
    return STOPS if STOPS in (first, second) else first * second


def then(first: Outcome, second: Outcome) -> Outcome:
    """The second, for each output of the first."""
    number = times(first.number, second.number)
    return Outcome(second.value, number, NONE if number is not None else first.count | second.count)


def for_each(outcomes: Iterable[Outcome], value: Value) -> Outcome:
    """One output, made of one of each, for every combination of theirs."""
    number: int | None = 1
    count: Sources = NONE
    for outcome in outcomes:
        number = times(number, outcome.number)
        count |= outcome.count
    return Outcome(value, number, NONE if number is not None else count)


def in_turn(outcomes: Iterable[Outcome]) -> Outcome:
    """The outputs of one after those of the other."""
    value: Value | None = None
    number: int | None = 0
    stops = True
    count: Sources = NONE
    for outcome in outcomes:
        count |= outcome.count
        stops = stops and outcome.number == STOPS
        number = None if number is None or outcome.number in (None, STOPS) else number + outcome.number
        if not outcome.never:
            value = outcome.value if value is None else value.joined(outcome.value)
    if stops:
        return STOPPED
    return Outcome(value or NULL, number, NONE if number is not None else count)


def one_of(outcomes: Iterable[Outcome], decided: Sources) -> Outcome:
    """The outputs of one or of the other, as decided."""
    value: Value | None = None
    numbers: set[int | None] = set()
    count: Sources = NONE
    choices = 0
    for outcome in outcomes:
        count |= outcome.count
        if outcome.number != STOPS:
            numbers.add(outcome.number)
        if not outcome.never:
            choices += 1
            value = outcome.value if value is None else value.joined(outcome.value)
    if not numbers:
        return STOPPED
    number = numbers.pop() if len(numbers) == 1 else None
    found = value or NULL
    if choices > 1:
        found = found.depending(decided=decided)
    return Outcome(found, number, NONE if number is not None else count | decided)
