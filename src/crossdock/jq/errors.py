"""What can go wrong: the closed tree of errors, and places in a program to point at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one program or module, under the name a person knows it by."""

    name: str
    text: str = field(repr=False)

    def line_column(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1; the column counts characters."""
        start = self.text.rfind("\n", 0, offset) + 1
        return self.text.count("\n", 0, offset) + 1, offset - start + 1

    def line_text(self, line: int) -> str:
        return self.text.split("\n")[line - 1].rstrip("\r")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a program, as offsets [start, end)."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.line_column(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.line_column(self.start)[1]

    def place(self) -> str:
        line, column = self.source.line_column(self.start)
        return f"{self.source.name}:{line}:{column}"

    def caret(self) -> str:
        """The line of the program with carets under the stretch; long lines are cut around it."""
        line, column = self.source.line_column(self.start)
        text = self.source.line_text(line).replace("\t", " ")
        width = max(1, min(self.end - self.start, len(text) - column + 1, 60))
        first = max(0, column - 80)
        text = text[first : first + 160]
        return f"    {text}\n    {' ' * (column - 1 - first)}{'^' * width}"


class JqError(Exception):
    """Anything this package raises on purpose."""


class CompileError(JqError):
    """A program that cannot run. `problems` holds every problem found, this one first."""

    def __init__(self, message: str, span: Span) -> None:
        self.message = message
        self.span = span
        self.line = span.line
        self.column = span.column
        self.source_name = span.source.name
        self.caret = span.caret()
        self.problems: tuple[CompileError, ...] = (self,)
        super().__init__(message)

    def __str__(self) -> str:
        return "\n".join(f"{p.span.place()}: {p.message}\n{p.caret}" for p in self.problems)


class RunError(JqError):
    """The program raised an error on this input, and did not catch it.

    `value` is the error's value as the program sees it in `catch`: any JSON value, mostly a sentence.
    `where` is the place in the program, None while the error is still under way. `path` tells where in the input the
    value is that the error is about, such as `.lines[2].price`; None where that is not known.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self.where: Span | None = None
        self.path: str | None = None
        super().__init__(value)

    @property
    def message(self) -> str:
        if isinstance(self.value, str):
            return self.value
        from crossdock.jq.text import shown

        return f"{shown(self.value)} (not a string)"

    def __str__(self) -> str:
        if self.where is None:
            return self.message
        found = "" if self.path is None else f"\n    in the input: {self.path}"
        return f"{self.where.place()}: {self.message}\n{self.where.caret()}{found}"


class BudgetExceeded(JqError):
    """The run was stopped: `what` it used too much of, and the `limit` that holds. Programs cannot catch it."""

    def __init__(self, what: str, limit: str) -> None:
        self.what = what
        self.limit = limit
        self.where: Span | None = None
        super().__init__(what, limit)

    def __str__(self) -> str:
        message = f"stopped: {self.what} (limit: {self.limit})"
        if self.where is None:
            return message
        return f"{self.where.place()}: {message}\n{self.where.caret()}"


class Break(Exception):
    """Carries control from `break $name` to its label; compared by identity."""
