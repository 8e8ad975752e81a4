"""Which built-in functions there are, and those that are written in jq."""

from __future__ import annotations

import threading
from functools import cache
from importlib import resources

from crossdock.jq.builtins import arrays, dates, formats, mathematics, regex, strings, values
from crossdock.jq.builtins.registry import NATIVES
from crossdock.jq.errors import Source
from crossdock.jq.syntax import Function

__all__ = ["arrays", "builtin_names", "dates", "formats", "mathematics", "prelude", "regex", "strings", "values"]


_reading = threading.Lock()


def prelude() -> dict[tuple[str, int], Function]:
    """The functions of prelude.jq, the same ones in every thread; not yet checked."""
    with _reading:
        return _prelude()


@cache
def _prelude() -> dict[tuple[str, int], Function]:
    from crossdock.jq.parser import parse

    text = resources.files("crossdock.jq.builtins").joinpath("prelude.jq").read_text("utf-8")
    functions = parse(Source("<builtin>", text)).functions
    for function in functions:
        function.builtin = True
    return {(function.name, len(function.params)): function for function in functions}


@cache
def builtin_names() -> tuple[tuple[str, int], ...]:
    from crossdock.jq.generate.forms import FORMS

    return tuple(sorted({*NATIVES, *prelude(), *FORMS}))
