"""Exact money, `{"amount": "19.90", "currency": "EUR"}`: read, added, split, never rounded unless asked.

An amount always has all the decimals of its currency, so that equal money is equal text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from crossdock.mapping.normalisers.amounts import DIGITS, EXACT, read_amount
from crossdock.mapping.normalisers.currency import currency as read_currency
from crossdock.mapping.normalisers.currency import decimals
from crossdock.mapping.normalisers.unreadable import Unreadable, shown

Money = dict[str, str]
_HALF_UP: Final = Context(prec=4 * DIGITS, rounding=ROUND_HALF_UP)


def money(amount: object, currency: object, mark: str | None = None) -> Money | None:
    """Exact money from a number or text; null and blank stay null.

    More decimals than the currency has are unreadable unless they are zeros: nothing is rounded.
    `mark` says which of `.` and `,` is the decimal mark, where text leaves it open.
    """
    if _says_nothing(amount):
        return None
    code = read_currency(currency)
    return _exactly(read_amount(amount, mark), code, amount)


def price(amount: object, currency: object, mark: str | None = None) -> Money | None:
    """As `money`, for a price of one, which may be finer than the currency's minor unit."""
    if _says_nothing(amount):
        return None
    code = read_currency(currency)
    exact = EXACT.normalize(read_amount(amount, mark))
    exponent = exact.as_tuple().exponent
    return _written(exact, code, max(decimals(code), -exponent if isinstance(exponent, int) else 0))


def money_round(amount: object, currency: object) -> Money | None:
    """As `money`, rounded to the currency's minor unit, halves away from zero."""
    if _says_nothing(amount):
        return None
    code = read_currency(currency)
    return _written(_rounded(read_amount(amount), code), code)


def money_add(a: object, b: object) -> Money:
    """Sum of two amounts of one currency."""
    (one, code), (other, _) = _read(a), _read(b, a)
    return _written(EXACT.add(one, other), code)


def money_sub(a: object, b: object) -> Money:
    """`a` less `b`, of one currency."""
    (one, code), (other, _) = _read(a), _read(b, a)
    return _written(EXACT.subtract(one, other), code)


def money_sum(amounts: object, currency: object) -> Money:
    """Sum of a list, in `currency`, which every item must have. An empty list is zero."""
    code = read_currency(currency)
    if not isinstance(amounts, list):
        raise Unreadable(f"money_sum wants a list of money, not {shown(amounts)}")
    total = Decimal(0)
    for each in amounts:
        total = EXACT.add(total, _read(each, {"currency": code})[0])
    return _written(total, code)


def money_negate(a: object) -> Money:
    """The same with the other sign."""
    amount, code = _read(a)
    return _written(EXACT.minus(amount), code)


def money_times(a: object, factor: object) -> Money:
    """Multiplied, then rounded to the currency's minor unit, halves away from zero."""
    amount, code = _read(a)
    return _written(_rounded(EXACT.multiply(amount, read_amount(factor)), code), code)


def money_sign(a: object) -> int:
    """-1, 0 or 1."""
    amount, _ = _read(a)
    return (amount > 0) - (amount < 0)


def money_allocate(a: object, weights: object) -> list[Money]:
    """Split by weights (numbers or money, none negative) so that the parts add up to the cent.

    The minor units left over by rounding down go to the largest remainders, the earlier first. Weights that are all
    zero split evenly.
    """
    amount, code = _read(a)
    if not isinstance(weights, list) or not weights:
        raise Unreadable("money_allocate wants a list of at least one weight")
    shares = [_read(each)[0] if isinstance(each, Mapping) else read_amount(each) for each in weights]
    if any(share < 0 for share in shares):
        raise Unreadable("money_allocate wants no negative weight")
    units = int(_whole_units(amount, code, a))
    places = max(-_exponent(share) for share in shares)
    whole = [int(share.scaleb(max(places, 0), EXACT)) for share in shares]
    whole = whole if any(whole) else [1] * len(whole)
    return [_from_units(part, code) for part in _apportion(units, whole)]


def money_minor(a: object) -> int:
    """The amount in minor units: 1990 for 19.90 EUR, as payment services count."""
    amount, code = _read(a)
    return int(_whole_units(amount, code, a))


def money_from_minor(units: object, currency: object) -> Money | None:
    """Money from a whole number of minor units; null stays null."""
    if units is None:
        return None
    code = read_currency(currency)
    count = read_amount(units)
    if count != int(count):
        raise Unreadable(f"{shown(units)} is no whole number of minor units")
    return _from_units(int(count), code)


def _apportion(units: int, weights: Sequence[int]) -> list[int]:
    sign, units, total = (-1 if units < 0 else 1), abs(units), sum(weights)
    parts = [units * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(units * weights[i] % total), i))
    for index in by_remainder[: units - sum(parts)]:
        parts[index] += 1
    return [sign * part for part in parts]


def _says_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _read(value: object, like: Any = None) -> tuple[Decimal, str]:
    """Amount and currency of a money object; `like` is one whose currency it must share."""
    if not isinstance(value, Mapping) or value.keys() != {"amount", "currency"}:
        raise Unreadable(f'money is {{"amount": …, "currency": …}}, not {shown(value)}')
    code = read_currency(value["currency"])
    if like is not None and like["currency"] != code:
        raise Unreadable(f"{like['currency']} and {code} cannot be put together: convert one first")
    return read_amount(value["amount"]), code


def _exponent(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _rounded(amount: Decimal, code: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-decimals(code)), context=_HALF_UP)


def _whole_units(amount: Decimal, code: str, told: object) -> Decimal:
    units = amount.scaleb(decimals(code), EXACT)
    if units != units.to_integral_value():
        raise Unreadable(f"{shown(told)} has more decimals than {code}: round it first")
    return units


def _exactly(amount: Decimal, code: str, told: object) -> Money:
    if amount != _rounded(amount, code):
        raise Unreadable(
            f"{shown(told)} has more than the {decimals(code)} decimals of {code}: use money_round or price"
        )
    return _written(amount, code)


def _from_units(units: int, code: str) -> Money:
    return _written(Decimal(units).scaleb(-decimals(code), EXACT), code)


def _written(amount: Decimal, code: str, places: int | None = None) -> Money:
    """With all the decimals of the currency, more where the amount has them, and no minus before zero."""
    places = max(decimals(code), -_exponent(EXACT.normalize(amount))) if places is None else places
    if not amount:
        amount = Decimal(0)
    return {"amount": f"{amount.quantize(Decimal(1).scaleb(-places), context=EXACT):f}", "currency": code}
