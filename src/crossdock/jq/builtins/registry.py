"""The table of native functions: one output each, of the input and argument values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Native:
    """`meter`: the function takes the run's meter last. `kind`: what is known of its result."""

    name: str
    arity: int
    function: Callable[..., Any]
    meter: bool
    kind: str | None


NATIVES: dict[tuple[str, int], Native] = {}


def native(name: str, arity: int = 0, *, meter: bool = False, kind: str | None = None) -> Callable[[F], F]:
    def register(function: F) -> F:
        NATIVES[name, arity] = Native(name, arity, function, meter, kind)
        return function

    return register
