"""What programs give: one table a part of the language, of programs, inputs and outputs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from crossdock import jq

ORDER: dict[str, Any] = {
    "id": 12345678901234567890,
    "customer": {"email": "Jo@Example.com", "name": None},
    "lines": [
        {"sku": "A", "quantity": 2, "price": Decimal("19.90")},
        {"sku": "B", "quantity": 1, "price": Decimal("5.00")},
    ],
    "tags": "red, blue",
}

CASES: dict[str, list[tuple[str, Any, list[Any]]]] = {
    "paths": [
        (".customer.email", ORDER, ["Jo@Example.com"]),
        (".missing.deeper", ORDER, [None]),
        (".lines[0].sku, .lines[-1].sku, .lines[9]", ORDER, ["A", "B", None]),
        ('.["customer"]["email"]', ORDER, ["Jo@Example.com"]),
        (".lines[].sku", ORDER, ["A", "B"]),
        ("[.lines[:1][].sku]", ORDER, [["A"]]),
        (".id?", 5, []),
        ("[..|numbers]", [1, [2, {"a": 3}]], [[1, 2, 3]]),
    ],
    "construction": [
        ("{id, n: (.lines | length)}", ORDER, [{"id": 12345678901234567890, "n": 2}]),
        ('{("a", "b"): (1, 2)}', None, [{"a": 1}, {"a": 2}, {"b": 1}, {"b": 2}]),
        ("1 as $x | {$x, __class__: 2, class: 3}", None, [{"x": 1, "__class__": 2, "class": 3}]),
        ("[.lines[] | select(.quantity > 1) | .sku]", ORDER, [["A"]]),
        ('"\\(1, 2)-\\("a", "b")"', None, ["1-a", "2-a", "1-b", "2-b"]),
        ('@base64 "x\\(.)", @uri "?q=\\(.)", @json "j\\(.)"', "a b", ["xYSBi", "?q=a%20b", 'j"a b"']),
    ],
    "choice": [
        (".customer.name // .customer.email", ORDER, ["Jo@Example.com"]),
        ("[(null, false, 1, 2) // 3]", None, [[1, 2]]),
        ("[empty // 3]", None, [[3]]),
        ("[.[] | if . > 2 then 1 elif . > 1 then 2 else 3 end]", [1, 2, 3], [[3, 2, 1]]),
        ("[if (true, false) then 1, 2 else 3 end]", None, [[1, 2, 3]]),
        ("[(true, false) and (true, false)]", None, [[True, False, False]]),
        ("1 == true, 0 == false, [1] == [true]", None, [False, False, False]),
    ],
    "variables": [
        (". as {customer: {$email}, lines: [{$sku}]} | [$email, $sku]", ORDER, [["Jo@Example.com", "A"]]),
        ("[.[] as [$a] ?// $a | $a]", [[1], 2], [[1, 2]]),
        ("foreach .[] as [$a] ?// $a (0; . + $a; [., $a])", [[1], 2], [[1, 1], [3, 2]]),
        ("reduce .[] as [$a] ?// $a (0; . + $a)", [[1], 2], [3]),
        ("1 + 2 as $x | -$x", None, [-3]),
    ],
    "functions": [
        ("def f($a; b): $a + b; [f(1, 2; 10, 20)]", None, [[11, 21, 12, 22]]),
        ("def fac: if . <= 1 then 1 else . * (. - 1 | fac) end; fac", 30, [265252859812191058636308480000000]),
        ("def count: if . >= 100000 then . else (. + 1 | count) end; count", 0, [100000]),
        ("[def r: ., (select(. < 3) | . + 1 | r); r]", 0, [[0, 1, 2, 3]]),
        ("def f(g): def h: g; [h, h]; f(.[])", [1, 2], [[1, 2, 1, 2]]),
        ("[limit(3; range(10)), first(range(5; 9)), isempty(empty)]", None, [[0, 1, 2, 5, True]]),
        ("[label $out | .[] | if . > 2 then break $out else . end]", [1, 2, 3, 1], [[1, 2]]),
        ("def sql: 1; sql", None, [1]),
    ],
    "loops": [
        ("reduce .lines[] as $l (0; . + $l.price * $l.quantity)", ORDER, [Decimal("44.80")]),
        ("[foreach .[] as $x (0; . + $x; [$x, .])]", [1, 2], [[[1, 1], [2, 3]]]),
        ("[foreach .[] as $x (10; if $x == 1 then empty else . + $x end)]", [1, 2, 3], [[2, 5]]),
        ("reduce empty as $x (7; 0), reduce (1, 2) as $x (0; empty)", None, [7, None]),
        ("[range(0; 1; 0.25)]", None, [[0, Decimal("0.25"), Decimal("0.50"), Decimal("0.75")]]),
        ("[.[] | until(. > 100; . * 2)]", [1, 3], [[128, 192]]),
    ],
    "errors": [
        ('[.[] | try (if . == 1 then error("x") else . end) catch "caught \\(.)"]', [0, 1], [[0, "caught x"]]),
        ("[(1, error, 2)?]", "x", [[1]]),
        ("try error({a: 1}) catch .a", None, [1]),
        ("[.[] | tonumber?]", ["1", "x", "1.50"], [[1, Decimal("1.50")]]),
        ('try ((try error("in") catch .) | error) catch ("out " + .)', None, ["out in"]),
    ],
    "updates": [
        (".a.b |= . + 1 | .c = 2 | .d += 1 | .e //= 9", {"a": {"b": 1}}, [{"a": {"b": 2}, "c": 2, "d": 1, "e": 9}]),
        (".[] |= select(. > 1)", [1, 2, 3], [[2, 3]]),
        ("(.[] | select(. > 1)) |= empty", [1, 2, 3, 4], [[1]]),
        ("del(.[0], .[-1], .[1:2])", [0, 1, 2, 3], [[2]]),
        ("to_entries, with_entries(.value += 1)", {"a": 1}, [[{"key": "a", "value": 1}], {"a": 2}]),
        ("[path(..)]", {"a": [1]}, [[[], ["a"], ["a", 0]]]),
        (".[2:4] = [9]", [0, 1, 2, 3, 4], [[0, 1, 9, 4]]),
        ('.x["a", "b"] = (1, 2)', {}, [{"x": {"a": 1, "b": 1}}, {"x": {"a": 2, "b": 2}}]),
        ("pick(.a.b, .c)", {"a": {"b": 1, "x": 2}, "d": 4}, [{"a": {"b": 1}, "c": None}]),
    ],
    "builtins": [
        ("sort_by(.k) | map(.v), group_by(.k) | map(length)", [{"k": 2, "v": 1}, {"k": 1, "v": 2}], [[2, 1], [1, 1]]),
        ('split(", "), test("RED"; "i"), [scan("[a-z]+")]', "red, blue",
         [["red", "blue"], True, ["red", "blue"]]),
        ('sub("(?<x>[a-z]+)"; "<\\(.x)>"), gsub("b|l"; "")', "red blue", ["<red> blue", "red ue"]),
        ("INDEX(.id) | keys", [{"id": 1}, {"id": 2}], [["1", "2"]]),
        ("fromdate | todate", "2026-01-02T03:04:05Z", ["2026-01-02T03:04:05Z"]),
        ("[tostream] | fromstream(.[])", {"a": [1, {}]}, [{"a": [1, {}]}]),
        ("@csv, @tsv", ["a\"b", 1, None], ['"a""b",1,', 'a"b\t1\t']),
        ("min_by(.a), max_by(.a), unique_by(.a) | length", [{"a": 1}, {"a": 1}], [1, 1, 1]),
        ("[limit(0; error)], [skip(1; 1, 2)], toarray, (tojson | fromjson)", [1], [[], [2], [1], [1]]),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("program", "given", "expected"), [case for part in CASES.values() for case in part], ids=lambda x: str(x)[:40]
)
def test_programs_give_what_the_manual_says(program: str, given: Any, expected: list[Any]) -> None:
    assert jq.compile(program).all(given) == expected


def test_a_program_never_changes_its_input() -> None:
    given: dict[str, Any] = {"a": {"b": [1, 2]}, "c": 3}
    jq.compile(".a.b[0] = 9 | .a.b |= map(. + 1) | del(.c) | .a.b += [1]").all(given)
    assert given == {"a": {"b": [1, 2]}, "c": 3}


def test_a_value_that_was_handed_out_during_an_update_is_not_changed_by_later_ones() -> None:
    program = jq.compile('(.a.x, .a, .a[0].x) |= if type == "object" then [., .] else (. // 0) + 1 end')
    assert program.first({"a": None}) == {"a": [{"x": 2}, {"x": 1}]}


def test_first_is_nothing_when_there_is_no_output() -> None:
    assert jq.compile("empty").first(1) is jq.NOTHING
    assert jq.compile(".[]").first([4, 5]) == 4


def test_outputs_before_an_error_are_given() -> None:
    outputs = jq.compile('1, error("x"), 2').run(None)
    assert next(outputs) == 1
    with pytest.raises(jq.RunError):
        next(outputs)


def test_variables_and_lent_functions_take_part() -> None:
    def lookup(table: str, key: object) -> str:
        return f"{table}:{key}"

    def size(value: list[int], extra: int) -> int:
        return len(value) + extra

    size.takes_input = True  # type: ignore[attr-defined]
    program = jq.compile(
        '[lookup("t", "u"; .[]), size($n)]', variables=["n"], functions={"lookup": lookup, "size": size}
    )
    assert program.first([1, 2], n=10) == ["t:1", "t:2", "u:1", "u:2", 12]


def test_what_a_lent_function_raises_can_be_caught() -> None:
    def broken() -> None:
        raise KeyError("no such code")

    assert jq.compile("try broken catch .", functions={"broken": broken}).first(None) == "broken: 'no such code'"
    with pytest.raises(jq.RunError, match="no such code"):
        jq.compile("broken", functions={"broken": broken}).first(None)


def test_the_clock_and_debug_are_the_callers() -> None:
    seen: list[Any] = []
    assert jq.compile("now").first(None, now=12.5) == Decimal("12.5")
    assert jq.compile('debug | debug("m")').first(3, on_debug=seen.append) == 3
    assert seen == [3, "m"]
