"""Functions that the host lends to programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from crossdock.jq.errors import JqError, RunError


def guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with whatever it raises, except for want of memory, turned into a RunError that the program can
    catch."""

    @wraps(function)
    def call(*args: Any) -> Any:
        try:
            return function(*args)
        except (JqError, MemoryError):
            raise
        except Exception as error:
            raise RunError(f"{name}: {error}") from error

    return call
