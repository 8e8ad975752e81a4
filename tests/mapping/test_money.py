"""Money is exact: read for certain or refused, never rounded unless asked."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.mapping.normalisers import money as m
from crossdock.mapping.normalisers.currency import currencies
from crossdock.mapping.normalisers.unreadable import Unreadable
from crossdock.models.bundle import shared_definitions


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


@pytest.mark.parametrize(
    ("written", "currency", "amount"),
    [
        ("19.990", "EUR", "19.99"),
        ("19.9", "EUR", "19.90"),
        ("55.0", "CAD", "55.00"),
        ("1,299.00", "EUR", "1299.00"),
        ("1.299,00", "EUR", "1299.00"),
        ("1 299,00", "EUR", "1299.00"),
        ("1\u00a0299,00", "EUR", "1299.00"),
        ("1\u202f299,00", "EUR", "1299.00"),
        ("1'299.00", "CHF", "1299.00"),
        ("12,34,567.80", "INR", "1234567.80"),
        ("1,299,000", "EUR", "1299000.00"),
        ("1.299.000", "EUR", "1299000.00"),
        ("12,5", "EUR", "12.50"),
        (".5", "EUR", "0.50"),
        ("-0", "EUR", "0.00"),
        ("-0.00", "EUR", "0.00"),
        ("−12.50", "EUR", "-12.50"),
        ("+3", "EUR", "3.00"),
        ("  7 ", "EUR", "7.00"),
        (Decimal("19.99"), "EUR", "19.99"),
        (Decimal("-0"), "EUR", "0.00"),
        (Decimal("1E+2"), "EUR", "100.00"),
        (20, "EUR", "20.00"),
        (0.5, "EUR", "0.50"),
        ("1990", "JPY", "1990"),
        ("1990.00", "JPY", "1990"),
        ("1.5", "KWD", "1.500"),
        ("12", "eur", "12.00"),
        ("9007199254740993.01", "EUR", "9007199254740993.01"),
    ],
)
def test_an_amount_is_read_exactly_and_written_with_its_currencys_decimals(written, currency, amount):
    assert m.money(written, currency) == {"amount": amount, "currency": currency.upper()}


@pytest.mark.parametrize(
    ("written", "currency"),
    [
        ("19.995", "EUR"),
        ("1.299", "EUR"),
        ("1,299", "EUR"),
        ("1990.5", "JPY"),
        (19.99, "EUR"),
        (0.1, "EUR"),
        (float("nan"), "EUR"),
        (float("inf"), "EUR"),
        (Decimal("NaN"), "EUR"),
        (Decimal("sNaN"), "EUR"),
        (Decimal("1e999999"), "EUR"),
        (Decimal("1e-999999"), "EUR"),
        (10**30, "EUR"),
        ("9" * 5000, "EUR"),
        (True, "EUR"),
        ([], "EUR"),
        ({"amount": "1", "currency": "EUR"}, "EUR"),
        ("1,29,9.00", "EUR"),
        ("1,299.00.00", "EUR"),
        ("--5", "EUR"),
        ("1e3", "EUR"),
        ("NaN", "EUR"),
        ("٣", "EUR"),
        ("€ 5", "EUR"),
        ("12 EUR", "EUR"),
        ("1 2", "EUR"),
        ("5.", "EUR"),
        ("12", "EURO"),
        ("12", "XXX"),
        ("12", None),
    ],
)
def test_what_is_not_certain_is_refused(written, currency):
    with pytest.raises(Unreadable):
        m.money(written, currency)


def test_saying_the_decimal_mark_settles_what_text_leaves_open():
    assert m.money("1,299", "EUR", ".") == eur("1299.00")
    assert m.money("1.299", "EUR", ",") == eur("1299.00")
    assert m.money("1,290", "EUR", ",") == eur("1.29")


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_nothing_stays_nothing(nothing):
    assert m.money(nothing, "EUR") is None
    assert m.price(nothing, "EUR") is None
    assert m.money_round(nothing, "EUR") is None


def test_a_price_of_one_may_be_finer_than_a_cent():
    assert m.price("0.00450", "EUR") == eur("0.0045")
    assert m.price("20.000", "EUR") == eur("20.00")
    assert m.price(Decimal("1E1"), "EUR") == eur("10.00")


def test_rounding_is_asked_for_and_goes_away_from_zero():
    assert m.money_round("1861.075", "USD") == {"amount": "1861.08", "currency": "USD"}
    assert m.money_round("-0.005", "EUR") == eur("-0.01")
    assert m.money_round("0.5", "JPY") == {"amount": "1", "currency": "JPY"}
    assert m.money_times({"amount": "128.350", "currency": "USD"}, "14.50")["amount"] == "1861.08"


def test_sums_are_exact_and_of_one_currency():
    assert m.money_add(eur("0.10"), eur("0.20")) == eur("0.30")
    assert m.money_sub(eur("0.10"), eur("0.30")) == eur("-0.20")
    assert m.money_negate(eur("0.00")) == eur("0.00")
    assert m.money_sum([eur("0.10")] * 3, "EUR") == eur("0.30")
    assert m.money_sum([], "JPY") == {"amount": "0", "currency": "JPY"}
    for wrong in (
        lambda: m.money_add(eur("1.00"), {"amount": "1.00", "currency": "CAD"}),
        lambda: m.money_sum([eur("1.00"), {"amount": "1.00", "currency": "CAD"}], "EUR"),
        lambda: m.money_sum([None], "EUR"),
        lambda: m.money_sum("12", "EUR"),
        lambda: m.money_sub(eur("1.00"), "1.00"),
        lambda: m.money_add({**eur("1.00"), "extra": 1}, eur("1.00")),
    ):
        with pytest.raises(Unreadable):
            wrong()


def test_minor_units_go_there_and_back():
    assert m.money_minor(eur("19.90")) == 1990
    assert m.money_minor({"amount": "1990", "currency": "JPY"}) == 1990
    assert m.money_from_minor(1990, "eur") == eur("19.90")
    assert m.money_from_minor(1500, "KWD") == {"amount": "1.500", "currency": "KWD"}
    assert m.money_from_minor(None, "EUR") is None
    with pytest.raises(Unreadable):
        m.money_minor(eur("0.001"))
    with pytest.raises(Unreadable):
        m.money_from_minor(Decimal("1.5"), "EUR")


def test_the_sign_of_money():
    assert [m.money_sign(eur(amount)) for amount in ("-0.01", "0.00", "3.00")] == [-1, 0, 1]


def test_cents_left_over_go_to_the_largest_remainders():
    assert [part["amount"] for part in m.money_allocate(eur("10.00"), [1, 1, 1])] == ["3.34", "3.33", "3.33"]
    assert [part["amount"] for part in m.money_allocate(eur("-10.00"), [1, 1, 1])] == ["-3.34", "-3.33", "-3.33"]
    assert [part["amount"] for part in m.money_allocate(eur("0.05"), [0, 0])] == ["0.03", "0.02"]
    assert [part["amount"] for part in m.money_allocate(eur("1.00"), [eur("0.25"), eur("0.75")])] == ["0.25", "0.75"]
    parts = m.money_allocate(eur("1.00"), [Decimal("0.5"), 2, "0.5"])
    assert [part["amount"] for part in parts] == ["0.17", "0.67", "0.16"]


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_a_split_always_adds_up_and_no_part_is_a_cent_off(cents, weights):
    whole = m.money_from_minor(cents, "EUR")
    parts = [m.money_minor(part) for part in m.money_allocate(whole, weights)]
    assert sum(parts) == cents
    even = weights if any(weights) else [1] * len(weights)
    assert all(abs(part * sum(even) - cents * weight) < sum(even) for part, weight in zip(parts, even, strict=True))


@pytest.mark.parametrize("weights", [[], [-1, 2], "12", None, [None]])
def test_weights_that_cannot_split_are_refused(weights):
    with pytest.raises(Unreadable):
        m.money_allocate(eur("1.00"), weights)


def test_the_models_know_the_same_currencies():
    assert shared_definitions()["currency"]["enum"] == sorted(currencies())
