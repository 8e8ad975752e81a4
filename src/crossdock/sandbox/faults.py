"""A seeded script of faults: what goes wrong, how often, and where.

The framework draws one fault (or none) for each request, around the handler. `before` faults answer without
running it; `after commit` faults run it first and then spoil the answer, which is what turns a careless retry
into a duplicate.
"""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    TOO_MANY = "429"
    UNAVAILABLE = "503"
    ERROR_BEFORE = "500_before"
    ERROR_AFTER_COMMIT = "500_after_commit"
    TIMEOUT_AFTER_COMMIT = "timeout_after_commit"
    RESET_BEFORE = "reset_before"
    RESET_AFTER_COMMIT = "reset_after_commit"
    HTML_200 = "html_200"
    SLOW_DRIP = "slow_drip"
    TRUNCATED_JSON = "truncated_json"

    @property
    def commits(self) -> bool:
        """The handler runs: the change is made although the client may never learn of it."""
        return self in _COMMITS

    @property
    def status(self) -> int | None:
        """The status of a fault that is a plain refusal by the platform."""
        return _STATUS.get(self)


_STATUS = {
    FaultKind.TOO_MANY: 429,
    FaultKind.UNAVAILABLE: 503,
    FaultKind.ERROR_BEFORE: 500,
    FaultKind.ERROR_AFTER_COMMIT: 500,
}
_COMMITS = {
    FaultKind.ERROR_AFTER_COMMIT,
    FaultKind.TIMEOUT_AFTER_COMMIT,
    FaultKind.RESET_AFTER_COMMIT,
    FaultKind.SLOW_DRIP,
    FaultKind.TRUNCATED_JSON,
}


class ScriptError(ValueError):
    """A fault script that cannot be: the message names the field and what is allowed."""


@dataclass(slots=True)
class OneShot:
    """The next `times` requests that match get this fault. `match`: regular expression over `POST /path`."""

    kind: FaultKind
    match: re.Pattern[str]
    times: int = 1


class FaultScript:
    """Faults by rate, and faults by appointment.

    `rates`: share of requests per kind, 0 to 1, at most 1 in sum. `only`: regular expressions over
    `METHOD /path` (without the query) that bound where rates apply; one-shot faults in `next` apply wherever
    they match, and come first. The same seed gives the same faults for the same sequence of requests.
    Raises ScriptError.
    """

    def __init__(
        self,
        seed: int = 0,
        rates: Mapping[FaultKind | str, float] | None = None,
        only: Sequence[str] = (),
        next: Sequence[Mapping[str, Any]] = (),  # noqa: A002 - the word of the admin API
    ) -> None:
        if not isinstance(seed, int):
            raise ScriptError(f"seed: a whole number is needed, not {seed!r}")
        for name, given in (("only", only), ("next", next)):
            if not isinstance(given, list | tuple):
                raise ScriptError(f"{name}: an array is needed, not {given!r}")
        self.seed = seed
        self.rates = _rates(rates or {})
        self.only = [_pattern(text, "only") for text in only]
        self.next = [_one_shot(entry) for entry in next]
        self.counts: Counter[FaultKind] = Counter()
        self._rng = random.Random(seed)  # noqa: S311 - a script, not a secret

    def draw(self, method: str, path: str) -> FaultKind | None:
        """The fault for this request, counted; None for most."""
        line = f"{method} {path}"
        kind = self._appointed(line) or self._by_chance(line)
        if kind is not None:
            self.counts[kind] += 1
        return kind

    def _appointed(self, line: str) -> FaultKind | None:
        for shot in self.next:
            if shot.match.fullmatch(line):
                shot.times -= 1
                if shot.times <= 0:
                    self.next.remove(shot)
                return shot.kind
        return None

    def _by_chance(self, line: str) -> FaultKind | None:
        if not self.rates or (self.only and not any(pattern.fullmatch(line) for pattern in self.only)):
            return None
        drawn = self._rng.random()
        for kind, rate in self.rates.items():
            if drawn < rate:
                return kind
            drawn -= rate
        return None

    def describe(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "rates": {kind.value: rate for kind, rate in self.rates.items()},
            "only": [pattern.pattern for pattern in self.only],
            "next": [{"kind": shot.kind.value, "match": shot.match.pattern, "times": shot.times} for shot in self.next],
            "injected": {kind.value: count for kind, count in sorted(self.counts.items())},
        }


def _kind(text: object) -> FaultKind:
    try:
        return FaultKind(str(text))
    except ValueError:
        known = ", ".join(kind.value for kind in FaultKind)
        raise ScriptError(f"there is no fault {text!r}; there are {known}") from None


def _pattern(text: object, field: str) -> re.Pattern[str]:
    try:
        return re.compile(str(text))
    except re.error as error:
        raise ScriptError(f"{field}: {text!r} is not a regular expression: {error}") from None


def _rates(given: Mapping[FaultKind | str, float]) -> dict[FaultKind, float]:
    rates: dict[FaultKind, float] = {}
    if not isinstance(given, Mapping):
        raise ScriptError(f'rates: an object is needed, such as {{"503": 0.01}}, not {given!r}')
    for name, rate in given.items():
        try:
            value = float(rate)
        except (TypeError, ValueError):
            raise ScriptError(f"rates.{name}: a number from 0 to 1 is needed, not {rate!r}") from None
        if not 0 <= value <= 1:
            raise ScriptError(f"rates.{name}: a number from 0 to 1 is needed, not {rate!r}")
        rates[_kind(name)] = value
    if sum(rates.values()) > 1 + 1e-9:
        raise ScriptError(f"rates: they add up to {sum(rates.values()):g}, more than 1")
    return rates


def _one_shot(entry: Mapping[str, Any]) -> OneShot:
    if not isinstance(entry, Mapping):
        raise ScriptError(f"next: objects are needed, not {entry!r}")
    unknown = set(entry) - {"kind", "match", "times"}
    if unknown:
        raise ScriptError(f"next: unknown field {sorted(unknown)[0]!r}; there are kind, match, times")
    times = entry.get("times", 1)
    if not isinstance(times, int) or times < 1:
        raise ScriptError(f"next.times: a whole number from 1 is needed, not {times!r}")
    return OneShot(_kind(entry.get("kind")), _pattern(entry.get("match", ".*"), "next.match"), times)
