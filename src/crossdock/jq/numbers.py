"""Exact numbers: `int` of any size, `Decimal` otherwise; `float` only ever holds nan and the infinities.

`+ - *` are exact and fail rather than round; `/` is exact where the quotient is a whole number and otherwise
has DIVISION_DIGITS significant digits. Functions that jq defines on doubles (`pow`, `log`, `sin`, …) compute
in doubles, and their results come back as the shortest decimal that names the double.
"""

from __future__ import annotations

import math
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from typing import Any

from crossdock.jq.budget import Meter
from crossdock.jq.errors import RunError
from crossdock.jq.text import shown_as

NUMBER_DIGITS = 4300
"""Longest integer, and longest exact sum or product (Python's own bound on integers as text)."""
DIVISION_DIGITS = 34
_INT_BITS = int(NUMBER_DIGITS * 3.3219)

Number = int | Decimal | float
NUMBERS = frozenset((int, Decimal, float))

EXACT = Context(
    prec=NUMBER_DIGITS, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, capitals=1,
    traps=[InvalidOperation, Overflow, Inexact],
)  # fmt: skip
_DIVIDE = Context(
    prec=DIVISION_DIGITS, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, capitals=1,
    traps=[InvalidOperation, Overflow, DivisionByZero],
)  # fmt: skip


def too_long() -> RunError:
    return RunError(f"number too long: the exact result needs more than {NUMBER_DIGITS:,} digits")


def from_double(x: float) -> Number:
    """The exact form of a double: an int where whole, else its shortest decimal; nan and infinities stay."""
    if x != x or x in (math.inf, -math.inf):
        return x
    if x.is_integer() and -1e17 < x < 1e17:
        return int(x)
    return Decimal(repr(x))


def to_double(x: Number) -> float:
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf


def to_int(x: Number) -> int:
    """Towards zero. Infinities saturate at 64 bits, as in jq; nan is 0."""
    if type(x) is int:
        return x
    if isinstance(x, float):
        if x != x:
            return 0
        return 2**63 - 1 if x > 0 else -(2**63)
    if x.adjusted() > NUMBER_DIGITS:  # type: ignore[union-attr]
        raise too_long()
    return int(x)


def within_reach(x: Number) -> int | Decimal | float:
    """The number itself, or ±2**62 where it is further out: for indices and counts. Not for nan."""
    if type(x) is int:
        return x
    if isinstance(x, float):
        return x if abs(x) < 2**62 else 2**62 if x > 0 else -(2**62)
    if x.adjusted() > 18:  # type: ignore[union-attr]
        return 2**62 if x > 0 else -(2**62)
    return x


def binary_error(a: Any, b: Any, done: str) -> RunError:
    return RunError(f"{shown_as(a)} and {shown_as(b)} cannot be {done}")


_add, _subtract, _multiply = EXACT.add, EXACT.subtract, EXACT.multiply


def add(a: Any, b: Any, meter: Meter) -> Any:
    ta, tb = type(a), type(b)
    if (ta is Decimal and (tb is Decimal or tb is int)) or (tb is Decimal and ta is int):
        try:
            return _add(a, b)
        except DecimalException:
            raise too_long() from None
    if ta is str and tb is str:
        meter.text(len(a) + len(b))
        return a + b
    if ta in NUMBERS and tb in NUMBERS:
        if ta is int and tb is int:
            return a + b
        return to_double(a) + to_double(b)
    if a is None:
        return b
    if b is None:
        return a
    if ta is list and tb is list:
        meter.array(len(a) + len(b))
        return a + b
    if ta is dict and tb is dict:
        meter.array(len(a) + len(b))
        return {**a, **b}
    raise binary_error(a, b, "added")


def subtract(a: Any, b: Any, meter: Meter) -> Any:
    ta, tb = type(a), type(b)
    if (ta is Decimal and (tb is Decimal or tb is int)) or (tb is Decimal and ta is int):
        try:
            return _subtract(a, b)
        except DecimalException:
            raise too_long() from None
    if ta in NUMBERS and tb in NUMBERS:
        if ta is int and tb is int:
            return a - b
        return to_double(a) - to_double(b)
    if ta is list and tb is list:
        from crossdock.jq.order import without

        return without(a, b, meter)
    raise binary_error(a, b, "subtracted")


def multiply(a: Any, b: Any, meter: Meter) -> Any:
    ta, tb = type(a), type(b)
    if (ta is Decimal and (tb is Decimal or tb is int)) or (tb is Decimal and ta is int):
        try:
            return _multiply(a, b)
        except DecimalException:
            raise too_long() from None
    if ta in NUMBERS and tb in NUMBERS:
        if ta is int and tb is int:
            if a.bit_length() + b.bit_length() > _INT_BITS:
                raise too_long()
            return a * b
        return to_double(a) * to_double(b)
    if ta is str and tb in NUMBERS:
        return _repeat(a, b, meter)
    if tb is str and ta in NUMBERS:
        return _repeat(b, a, meter)
    if ta is dict and tb is dict:
        return _merge(a, b, meter)
    raise binary_error(a, b, "multiplied")


def _repeat(text: str, times: Number, meter: Meter) -> str | None:
    if times != times or times < 0:
        return None
    count = to_int(times) if times >= 1 or times == 0 else 1
    if 0 < times < 1:
        count = 0
    if len(text) * count >= 2**31 - 1:
        raise RunError("Repeat string result too long")
    meter.text(len(text) * count)
    return text * count


def _merge(a: dict[str, Any], b: dict[str, Any], meter: Meter) -> dict[str, Any]:
    top = dict(a)
    pending = [(top, b, 0)]
    while pending:
        into, over, depth = pending.pop()
        if depth > 10_000:
            raise RunError("Object merge too deep")
        meter.charge(len(over) + 1)
        for key, value in over.items():
            old = into.get(key)
            if type(old) is dict and type(value) is dict:
                into[key] = merged = dict(old)
                pending.append((merged, value, depth + 1))
            else:
                into[key] = value
    return top


def divide(a: Any, b: Any, meter: Meter) -> Any:
    ta, tb = type(a), type(b)
    if ta in NUMBERS and tb in NUMBERS:
        if not b:
            raise RunError(f"{shown_as(a)} and {shown_as(b)} cannot be divided because the divisor is zero")
        if ta is int and tb is int and a % b == 0:
            return a // b
        if ta is float or tb is float:
            return from_double(to_double(a) / to_double(b))
        try:
            return _DIVIDE.divide(a, b)
        except DecimalException:
            raise too_long() from None
    if ta is str and tb is str:
        from crossdock.jq.builtins.strings import split_plain

        return split_plain(a, b, meter)
    raise binary_error(a, b, "divided")


def modulo(a: Any, b: Any, _meter: Meter) -> Any:
    """The remainder of whole parts, with the sign of the dividend."""
    if type(a) in NUMBERS and type(b) in NUMBERS:
        if a != a or b != b:
            return math.nan
        x, y = to_int(a), abs(to_int(b))
        if y == 0:
            raise RunError(f"{shown_as(a)} and {shown_as(b)} cannot be divided (remainder) because the divisor is zero")
        if type(b) is float and y == 2**63:
            y -= 1
        return x % y if x >= 0 else -(-x % y)
    raise binary_error(a, b, "divided (remainder)")


def negate(a: Any) -> Any:
    kind = type(a)
    if kind is int or kind is float:
        return -a
    if kind is Decimal:
        return a.copy_negate()
    raise RunError(f"{shown_as(a)} cannot be negated")


def parse_number(text: str) -> Number:
    """From the digits of a literal or a JSON number, exactly. Raises RunError when it is too long."""
    try:
        if text.lstrip("-").isdigit():
            return int(text)
        return Decimal(text)
    except (ValueError, DecimalException):
        raise RunError(f"number too long: at most {NUMBER_DIGITS:,} digits") from None
