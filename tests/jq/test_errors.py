"""Errors tell a person where and what next."""

from __future__ import annotations

import traceback

import pytest

from crossdock import jq


@pytest.mark.parametrize(
    ("program", "place", "message"),
    [
        (".a |\n  slect(.b)", (2, 3), "did you mean select?"),
        (". as $name | $nmae", (1, 14), "did you mean $name?"),
        ("map(.a; .b)", (1, 1), "map takes 1 argument"),
        ("[.a, .b", (1, 8), "the [ at line 1, column 1 is still open"),
        ('"abc', (1, 1), "never closed"),
        ('"\\v"', (1, 2), "invalid escape"),
        ("@base46", (1, 1), "did you mean @base64?"),
        ("if .a then 1", (1, 13), "expected end"),
        ("{a: 1, (2): 3}", (1, 9), "cannot use number (2) as object key"),
        ("{1 + 2: 3}", (1, 2), "quote the number"),
        ("break $out", (1, 1), "no label $out"),
        ('test("(?=x)")', (1, 6), "lookahead"),
        ('test("(x")', (1, 6), "Regex failure"),
        ("1 < 2 < 3", (1, 7), "cannot be chained"),
        ("a;", (1, 2), 'unexpected ";"'),
        (".a && .b", (1, 4), "jq writes `and`"),
        ("[.a || .b]", (1, 6), "jq writes `or`"),
        ("!.a", (1, 1), "jq writes `| not`"),
        (".a ?? 1", (1, 7), "jq writes `//`"),
        (".a == 'x'", (1, 7), "double quotes"),
        ("// words", (1, 1), "comments begin with #"),
        ("if .a then 1 elsif .b then 2 end", (1, 14), "jq writes `elif`"),
        ("function f(x) x", (1, 10), "jq writes `def"),
        (".a-b", (1, 4), '."a-b"'),
        ("toLowerCase", (1, 1), "jq calls it ascii_downcase"),
        ("length(.a)", (1, 1), "works on its input"),
        ("map(.a) | mpa(.b)", (1, 11), "did you mean map?"),
        ("label $out | break $ot", (1, 14), "did you mean $out?"),
        ("", (1, 1), ""),
    ],
)
def test_a_refused_program_names_place_and_remedy(program: str, place: tuple[int, int], message: str) -> None:
    if not program:
        assert jq.compile(program).first(1) == 1
        return
    with pytest.raises(jq.CompileError) as caught:
        jq.compile(program)
    assert (caught.value.line, caught.value.column) == place
    assert message in str(caught.value)
    assert "^" in caught.value.caret


def test_all_unknown_names_are_told_at_once() -> None:
    with pytest.raises(jq.CompileError) as caught:
        jq.compile("foo | bar | $baz", name="maps/order.jq")
    assert [p.message.split(" ")[0] for p in caught.value.problems] == ["foo/0", "bar/0", "$baz"]
    assert "maps/order.jq:1:7" in str(caught.value)


def test_a_failed_run_names_the_place_in_the_program() -> None:
    program = jq.compile("{\n  id,\n  total: (.lines | map(.price * 2) | add)\n}", name="m.jq")
    with pytest.raises(jq.RunError) as caught:
        program.first({"id": 1, "lines": [{"price": {}}]})
    assert caught.value.where is not None
    assert (caught.value.where.line, caught.value.where.column) == (3, 24)
    assert str(caught.value).startswith("m.jq:3:24: object ({}) and number (2) cannot be multiplied")


@pytest.mark.parametrize(
    ("program", "path"),
    [
        (".lines | map(.price | tonumber)", ".lines[1].price"),
        ("def amount: tonumber; [.lines[] | {it: (.price | amount)}]", ".lines[1].price"),
        ("reduce .lines[] as {amount: $a} (0; . + $a)", ".lines[1].amount"),
        (".lines[] as {price: $p, amount: $a} | $p * $a * $p", ".lines[0].price"),
        ("[.[] | .price]", ".id"),
        (".lines | sort_by(.price) | .[-1] - 1", ".lines[1]"),
        (".lines | with_entries(.value |= .price.x)", ".lines[0].price"),
        ('.["odd key"] | .[0] | ascii_downcase', '.["odd key"][0]'),
        ('first(.lines[] | select(.amount | type == "object") | .amount + 1)', ".lines[1].amount"),
        (".id[]", ".id"),
        ("[.id[]?], .id.x", ".id"),
        (
            'def r: if type == "array" then map(r) elif type == "object" then map_values(r) else .x end; .deep | r',
            ".deep[1].b",
        ),
        ("def f(g): [.lines[] | g]; f(.amount * -1)", ".lines[1].amount"),
        ("def up: if . == 7 then .x else . end; [.id | up]", ".id"),
        ("error(.id)", None),
        ("[1] | .[0].x", None),
    ],
)
def test_a_failed_run_tells_where_in_the_input_the_value_is(program: str, path: str | None) -> None:
    lines = [{"price": "1.50", "amount": 2}, {"price": "x", "amount": {"a": 1}}]
    with pytest.raises(jq.RunError) as caught:
        jq.compile(program).all({"id": 7, "lines": lines, "odd key": [3], "deep": [[], {"a": [], "b": 1}]})
    assert caught.value.path == path
    assert path is None or str(caught.value).endswith(f"in the input: {path}")


def test_a_traceback_points_into_the_program() -> None:
    program = jq.compile("{\n  a,\n  total: (.a * 2)\n}", name="maps/total.jq")
    with pytest.raises(jq.RunError) as caught:
        program.first({"a": {}})
    frame = next(entry for entry in traceback.extract_tb(caught.tb) if entry.filename == "maps/total.jq")
    assert frame.lineno == 3
    assert frame.line == "total: (.a * 2)"


def test_the_code_that_is_kept_names_the_lines_of_the_program() -> None:
    source = jq.compile(".a\n| .b\n| .c").source
    assert [line.rpartition("# ")[2] for line in source.splitlines() if "# " in line] == ["1", "2", "3"]


def test_the_value_of_an_error_is_kept() -> None:
    with pytest.raises(jq.RunError) as caught:
        jq.compile("error({code: 7})").first(None)
    assert caught.value.value == {"code": 7}


def test_a_variable_that_is_not_given_is_the_callers_mistake() -> None:
    program = jq.compile("$a", variables=["a"])
    with pytest.raises(TypeError, match=r"needs \$a"):
        program.first(1)
    with pytest.raises(TypeError, match=r"no \$b"):
        program.first(1, a=1, b=2)
