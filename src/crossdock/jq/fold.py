"""Arithmetic on constants, done once while the program is read."""

from __future__ import annotations

from crossdock.jq.budget import DEFAULT_BUDGET, Meter
from crossdock.jq.errors import JqError, Span
from crossdock.jq.numbers import NUMBERS, add, divide, multiply, subtract
from crossdock.jq.syntax import Literal

_OPERATIONS = {"+": add, "-": subtract, "*": multiply, "/": divide}
MAX_TEXT = 1000


def fold(at: Span, op: str, left: Literal, right: Literal) -> Literal | None:
    """The result as a constant; None where the operation is left to the run, errors and long texts included."""
    a, b = left.value, right.value
    numbers = type(a) in NUMBERS and type(b) in NUMBERS
    texts = op == "+" and type(a) is str and type(b) is str and len(a) + len(b) <= MAX_TEXT
    if op not in _OPERATIONS or not (numbers or texts):
        return None
    try:
        return Literal(at, _OPERATIONS[op](a, b, Meter(DEFAULT_BUDGET, None, None)))
    except JqError:
        return None
