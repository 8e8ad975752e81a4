"""Numbers keep their digits."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from crossdock import jq


def run(program: str, text: str | bytes = b"null") -> bytes:
    return jq.dumps(jq.compile(program).first(jq.loads(text)))


@pytest.mark.parametrize(
    ("program", "text", "expected"),
    [
        (".", "12345678901234567890", b"12345678901234567890"),
        (". + 1", "9007199254740993", b"9007199254740994"),
        (".", "1.10", b"1.10"),
        (". + 0.20", "0.10", b"0.30"),
        (". * 3", "19.990", b"59.970"),
        ("-.", "1.50", b"-1.50"),
        ("map(tonumber) | add", '["0.1", "0.2", "0.3"]', b"0.6"),
        (".[0] == .[1]", "[1, 1.000]", b"true"),
        ("sort", "[9007199254740993, 9007199254740992, 0.1, 0.10]", b"[0.1,0.10,9007199254740992,9007199254740993]"),
        ("unique", "[1.0, 1, 2]", b"[1.0,2]"),
        ("group_by(.) | map(length)", "[1.0, 1, 2]", b"[2,1]"),
        (".[0] < .[1]", "[123456789012345678901234567890.1, 123456789012345678901234567890.2]", b"true"),
        ("10 / 4, 6 / 3", "null", b"2.5"),
        ("1 / 3", "null", b"0.3333333333333333333333333333333333"),
        (". % 7, -. % 7", "100000000000000000000", b"2"),
        ("floor", "123456789012345678901234567890.9", b"123456789012345678901234567890"),
        ("tostring", "1.0", b'"1.0"'),
        ("pow(2; 10), sqrt", "null", b"1024"),
        ("2 | sqrt", "null", b"1.4142135623730951"),
        ("1e1000 | tojson", "null", b'"1E+1000"'),
        ("infinite", "null", b"1.7976931348623157e+308"),
        ("nan", "null", b"null"),
        ("[nan] | sort | .[0] < 1", "null", b"true"),
        ("0.1 + 0.2 == 0.3", "null", b"true"),
    ],
)
def test_arithmetic_and_order_are_exact(program: str, text: str, expected: bytes) -> None:
    assert run(program, text) == expected


@pytest.mark.parametrize("money", ["19.990", "19.99", "0.1", "-0.0", "1E-7", "99999999999999999999.99"])
def test_money_comes_out_as_it_came_in(money: str) -> None:
    assert run("{a: .}", money) == f'{{"a":{money}}}'.encode()


def test_text_that_is_no_number_is_refused_not_guessed() -> None:
    for text in ("1,299.00", "", " 1", "1_000", "0x10", "NaN", "Infinity", "１２", "1e", "--1"):
        with pytest.raises(jq.RunError, match="cannot be parsed as a number"):
            jq.compile("tonumber").first(text)


@pytest.mark.parametrize(
    "program", ["1e999999999 + 1", "reduce range(40) as $i (3; . * .)", "1e999999999 | floor", "1e999999999 % 7"]
)
def test_what_cannot_be_exact_is_an_error_rather_than_rounded(program: str) -> None:
    with pytest.raises(jq.RunError, match="number too long"):
        jq.compile(program).first(None)


def test_doubles_appear_only_as_nan_and_infinity() -> None:
    values = jq.compile("pow(2; 0.5), (1 | sin), log10, infinite, nan, (3 | sqrt), 1e300 * 10").all(100)
    assert all(isinstance(v, (int, Decimal)) or math.isnan(v) or math.isinf(v) for v in values)


def test_division_by_zero_is_an_error_that_names_both() -> None:
    with pytest.raises(jq.RunError, match=r"number \(1\) and number \(0\) cannot be divided"):
        jq.compile("1 / .").first(0)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("ldexp(10; 2), scalb(2; 3), scalbln(-1; 4)", [40, 16, -16]),
        ("ldexp(-1; 9999)", [-math.inf]),
        ("-1e9 | sinh", [-math.inf]),
        ("1, -1 | atanh", [math.inf, -math.inf]),
        ("0, -3 | lgamma", [math.inf, math.inf]),
        ("[-infinite | lgamma_r[]]", [[math.inf, 1]]),
        ("1.5 | j0, y1", [Decimal("0.5118276717359181"), Decimal("-0.4123086269739113")]),
        ("jn(2; 1.5)", [Decimal("0.23208767214421472")]),
        ("map(isfinite) | tojson", ["[true,true,false,false]"]),
    ],
)
def test_functions_on_doubles_answer_as_c_does(program: str, expected: list[object]) -> None:
    assert jq.compile(program).all([1, math.nan, math.inf, "x"]) == expected


def test_a_bessel_function_of_an_endless_order_is_refused() -> None:
    with pytest.raises(jq.RunError, match="order must be within"):
        jq.compile("jn(2000000000; 1)").first(None)
