"""A compiled map: a jq program with the tables, normalisers and keys that it may use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crossdock import jq
from crossdock.core.errors import Problem, ProjectError
from crossdock.core.flow import MapFailed
from crossdock.mapping.check import check_calls
from crossdock.mapping.functions import EntityKey, callables
from crossdock.mapping.tables import Tables

NO_TABLES = Tables()
BUDGET = jq.Budget(steps=2_000_000, wall_s=1.0, value_bytes=16 * 1024 * 1024, output_bytes=16 * 1024 * 1024)
"""Of one run: much more than a record needs, and little enough that who sends one that makes its map run wild keeps
nobody else waiting. Maps run in the hub's own process."""


class MapError(MapFailed):
    """A map could not say what to send. `line` and `column` are the place in its file, 0 where it is not known."""

    def __init__(self, name: str, what: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"{name}:{line}:{column}: {what}" if line else f"{name}: {what}")
        self.name = name
        self.line = line
        self.column = column


class EmptyOutput(MapError):
    """A map made nothing where one output is expected: quarantine, never a filter."""


class Map:
    """Pure: the same input, `now` and variables give the same outputs. Bounded in steps, time and size."""

    def __init__(self, name: str, program: jq.Program) -> None:
        self.name = name
        self.program = program

    def run(self, value: Any, *, now: float | None = None, **variables: Any) -> list[Any]:
        """All outputs. Raises MapError; and MemoryError, where the machine has less than the budget allows."""
        try:
            return list(self.program.run(value, now=now, **variables))
        except jq.RunError as error:
            place = "" if error.path is None else f" (in the input: {error.path})"
            raise self._error(error.message + place, error.where) from None
        except jq.BudgetExceeded as error:
            raise self._error(f"stopped: {error.what} (limit: {error.limit})", error.where) from None
        except MemoryError:
            raise
        except Exception as error:  # a defect of ours in one map must not stop the hub: it stops one message
            raise MapError(self.name, f"failed where it must not: {type(error).__name__}: {error}") from error

    def one(self, value: Any, *, now: float | None = None, **variables: Any) -> Any:
        """The only output. Raises EmptyOutput when there is none, MapError when there are several."""
        outputs = self.run(value, now=now, **variables)
        if not outputs:
            raise EmptyOutput(self.name, "made no output; a filter belongs into the flow's `where`")
        if len(outputs) > 1:
            raise MapError(self.name, f"made {len(outputs)} outputs where one is expected; `each: true` allows many")
        return outputs[0]

    def each(self, value: Any, *, now: float | None = None, **variables: Any) -> Sequence[Any]:
        """At least one output. Raises EmptyOutput."""
        outputs = self.run(value, now=now, **variables)
        if not outputs:
            raise EmptyOutput(self.name, "made no output; a filter belongs into the flow's `where`")
        return outputs

    def _error(self, what: str, where: jq.Span | None) -> MapError:
        return MapError(self.name, what, where.line, where.column) if where else MapError(self.name, what)


def compile_map(
    source: str,
    *,
    name: str,
    tables: Tables = NO_TABLES,
    key_of: EntityKey | None = None,
    variables: Sequence[str] = (),
    budget: jq.Budget | None = None,
) -> Map:
    """`name` is what problems and errors call it, with lines and columns of `source`.

    `key_of` is what `entity_key` asks, for maps of what comes in. Raises ProjectError with every problem found.
    """
    try:
        program = jq.compile(
            source, variables=variables, functions=callables(tables, key_of), budget=budget or BUDGET, name=name
        )
    except jq.CompileError as error:
        raise ProjectError([Problem(name, each.line, each.column, each.message) for each in error.problems]) from None
    if problems := check_calls(name, program, tables):
        raise ProjectError(problems)
    return Map(name, program)
