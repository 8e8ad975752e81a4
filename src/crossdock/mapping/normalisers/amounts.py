"""Reading an amount exactly, from a number or from text as people and platforms write it."""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

from crossdock.mapping.normalisers.unreadable import Unreadable, shown

DIGITS = 30
"""longest whole part of an amount, and longest fraction"""
EXACT = Context(prec=4 * DIGITS, traps=[Inexact, InvalidOperation, Overflow])
"""fails rather than rounds"""

_SPACES = " \u00a0\u2009\u202f'\u2019"
_PLAIN = re.compile(r"\d+(\.\d+)?|\.\d+", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+|\d{1,2}(,\d{2})+,\d{3}", re.ASCII)  # 1,299,000 and 12,34,000


def read_amount(value: object, mark: str | None = None) -> Decimal:
    """The exact amount, finite.

    Text may have a sign and groups of thousands: `1,299.00`, `1.299,00`, `1 299,00`, `1'299.00`. `mark` says which of
    `.` and `,` is the decimal mark; without it the last of two kinds is. A single comma before three digits could be
    either: unreadable. A single dot is always a decimal mark, as in every data format. A binary float is taken
    only if it is exactly a decimal with few digits, such as 0.5.
    """
    match value:
        case bool() | None:
            raise Unreadable(f"{value} is no amount")
        case int():
            amount = Decimal(value) if abs(value) < 10**DIGITS else Decimal("NaN")
        case Decimal():
            amount = value
        case float():
            amount = _from_float(value)
        case str():
            amount = _from_text(value, mark)
        case _:
            raise Unreadable(f"an amount is a number or text, not {shown(value)}")
    if not amount.is_finite() or _too_long(amount):
        raise Unreadable(f"{shown(value)} is no amount of at most {DIGITS} digits")
    return amount if amount else Decimal(0)


def _too_long(amount: Decimal) -> bool:
    exponent = amount.as_tuple().exponent
    return amount.adjusted() >= DIGITS or not isinstance(exponent, int) or exponent < -DIGITS


def _from_float(value: float) -> Decimal:
    amount = Decimal(value)
    if amount.is_finite() and amount != Decimal(repr(value)):
        raise Unreadable(f"{value!r} is a binary float and not an exact amount; send it as text or as a JSON number")
    return amount


def _from_text(text: str, mark: str | None) -> Decimal:
    digits = text.strip().replace("\u2212", "-")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-") if digits[:1] in ("+", "-") and digits[1:2] not in ("+", "-") else digits
    if len(digits) > 3 * DIGITS:
        raise Unreadable(f"{shown(text)} is no amount of at most {DIGITS} digits")
    whole, fraction = _split(text, digits, mark)
    number = f"{whole}.{fraction}" if fraction else whole
    if not _PLAIN.fullmatch(number):
        raise Unreadable(f"{shown(text)} is no amount")
    return sign * Decimal(number)


def _split(text: str, digits: str, mark: str | None) -> tuple[str, str]:
    """Whole part without its groups, and fraction."""
    if mark not in (None, ".", ","):
        raise Unreadable(f'the decimal mark is "." or ",", not {shown(mark)}')
    mark = mark or _decimal_mark(text, digits)
    whole, marked, fraction = digits.partition(mark)
    if marked and not fraction:
        raise Unreadable(f"{shown(text)} ends in its decimal mark: it may have been cut off")
    group = next((each for each in (",.".replace(mark, "") + _SPACES) if each in whole), "")
    if not group:
        return whole, fraction
    grouped = whole.replace(group, ",")
    if not _GROUPED.fullmatch(grouped):
        raise Unreadable(f"{shown(text)} is no amount: its thousands are not grouped by threes")
    return grouped.replace(",", ""), fraction


def _decimal_mark(text: str, digits: str) -> str:
    commas, dots = digits.count(","), digits.count(".")
    if commas and dots:
        return "," if digits.rfind(",") > digits.rfind(".") else "."
    if dots > 1:
        return ","
    if commas != 1:
        return "."
    if len(digits) - digits.index(",") == 4:
        raise Unreadable(f'{shown(text)} may mean thousands or decimals: say which mark is decimal, "." or ","')
    return ","
