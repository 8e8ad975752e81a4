"""What stops us: one closed tree, each with a sentence for a person and what to do next.

What happened to an *effect* is never an exception; it is a `Verdict` (see `core.verdict`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_VALUE = 80
"""characters of one value that a problem repeats"""
_QUOTED = "|".join(f"{quote}[^{quote}]*{quote}" for quote in "'\"`")
_VALUE = re.compile(rf"(?<![^\s(\[:=,])({_QUOTED})(?!\w)|[^\s(\[:=,]\S{{{LONGEST_VALUE},}}")


class CrossdockError(Exception):
    """`what` happened, in words for a person; `hint` says what to do next. Neither holds a secret."""

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n  {self.hint}" if self.hint else self.what


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a project. `file` is relative to the project; lines and columns start at 1, 0 = unknown."""

    file: str
    line: int
    column: int
    what: str
    hint: str = ""
    severity: str = "error"
    """`error` stops a hub from starting; `warning` is told and counted."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "what", _VALUE.sub(_cut, self.what))

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column or 1}" if self.line else self.file
        text = f"{place}: {'warning: ' if self.severity == 'warning' else ''}{self.what}"
        return f"{text}\n    {self.hint}" if self.hint else text


def _cut(found: re.Match[str]) -> str:
    quote = found[0][0] if found[1] else ""
    longest = LONGEST_VALUE + 2 * len(quote)
    return found[0] if len(found[0]) <= longest else f"{found[0][: longest - len(quote)]}…{quote}"


class ProjectError(CrossdockError):
    """A person must change the project. Holds every problem found in one run, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class CredentialError(CrossdockError):
    """A person must reconnect or supply a secret: the connection pauses, its messages wait."""


class StoreError(CrossdockError):
    """The store cannot be trusted or reached: intake stops, nothing is acknowledged."""


class NotNow(StoreError):
    """Nothing was written, and later it may go: no room on the disk, or somebody else is writing. What comes in is
    refused meanwhile, for its sender to send again."""


class StoreLost(StoreError):
    """Nobody knows what is on the disk: a flush failed, or something there is not what was written. Nothing is accepted
    until the hub is started again."""


class TransportError(CrossdockError):
    """No answer was had. `sent` tells whether a byte of the request may have left this machine.

    `sent=False` (name lookup, connect, TLS, a refused address) is a definite not-done; `sent=True` is unknown.
    """

    def __init__(self, what: str, *, sent: bool, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.sent = sent


class NotJson(CrossdockError):
    """Bytes that claimed to be JSON and are not, or not strictly."""


class UsageError(CrossdockError):
    """A command was typed in a way that cannot be meant: exit code 2."""


class ForAPerson(CrossdockError):
    """An action cannot go on with what it was given, and only a person can decide: its delivery is held. What a
    connector raises otherwise is a defect of its code, and is told as one."""


class Unexpected(CrossdockError):
    """The hub's own code is at fault. What is known of it is in the log, under the reference that is told."""
