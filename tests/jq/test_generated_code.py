"""Code is fast by rules that change no answer."""

from __future__ import annotations

from typing import Any

import pytest

from crossdock import jq
from crossdock.jq.generate import shortcuts

PROGRAMS = [
    "with_entries(select(.value != null))",
    "with_entries(.value |= tostring)",
    "with_entries(.key |= ascii_upcase)",
    "with_entries(.key = .value)",
    "with_entries(.value += 1)",
    "with_entries(.value //= 3)",
    'with_entries(., {key: (.key + "2"), value: 0})',
    "with_entries({name: .key, value: .value})",
    "with_entries(empty)",
    "with_entries(.key)",
    "{a: .a, b: .b, c: 1, d: null} | with_entries(select(.value != null))",
    "{a: .a, b: .b} | with_entries(select(.value) | .value |= [.])",
    "any, all",
    "any(. == 1), all(. == 1)",
    "any(.[]?; . == 1), all(.[]?; . == 1)",
    "any(.a?, .b?; . == null), all(.a?, .b?; . != null)",
    'any(.[]? | select(. != null); type == "string")',
    "any(.[]?, .[]?; . == 2)",
    '[.[]? | IN(1, 2)], [.[]? | IN("x", "y")]',
    ". as $d | [1, 2] | map(IN($d[]?))",
    "IN(.[]?)",
    "IN(.a?)",
    "add, (.[]? | add?)",
    '[.[]? | tostring] | add, join("-")',
    '[.[]?] | map(select(type == "number")) | add',
    "del(.a), del(.a.b), del(.[0]), del(.[-1]), del(.)",
    "first(.[]?), first(.[]? | select(. == 2)), first(empty), first(.[]?, 3)",
    '[.[]? | first(.[]?) // "none"]',
    "(.a? // 1), (tonumber? // 2), ((.a | tonumber)? // null), (first(.[]?) // 4), ((.a, .b)? // 5)",
    'if type == "object" then keys, .a elif type == "array" then .[0] else . end',
    '[.. | select(type == "string") | ascii_downcase, length, startswith("x"), ltrimstr("x")]',
    '{x: "a", y: "b"}[.a? // "x" | tostring]',
]
INPUTS: list[Any] = [
    None, 1, "x", [], {}, [1, 2, 3], ["x", "XY", None], {"a": 1, "b": None}, {"a": "x", "b": {"c": [1]}}, [[1], [2, 3]],
    [{"a": 1}, {"b": 2}], {"a": {"b": 2}}, [None, False, True], {"a": "12", "b": "y"}, [1, "1", 2.5 == 2.5],
]  # fmt: skip


def answer(program: jq.Program, value: Any) -> list[Any]:
    outputs: list[Any] = []
    try:
        outputs.extend(program.run(value))
    except jq.RunError:
        outputs.append("an error")
    return outputs


@pytest.mark.parametrize("text", PROGRAMS)
def test_a_shortcut_answers_as_the_definition_does(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    short = jq.compile(text)
    monkeypatch.setattr(shortcuts, "SHORTCUTS", {})
    defined = jq.compile(text)
    for value in INPUTS:
        assert answer(short, value) == answer(defined, value), value


@pytest.mark.parametrize(
    "text",
    [
        '{a: .b.c, d: (.e // "none"), f: "\\(.g)-\\(.h)", i: (if .j then .k[0] else .l[1:3] end)}',
        "[.a[] | select(.b > 1) | {c, d: (.e | map(.f) | add)}]",
        "(.a | tonumber)? // null",
        "first(.a[] | select(.b)) // {}",
        "reduce .a[] as {b: $b} (0; . + $b)",
        "with_entries(.value |= .a)",
    ],
)
def test_one_output_needs_no_generator(text: str) -> None:
    assert "yield" not in jq.compile(text).source


def test_a_field_is_looked_up_once() -> None:
    source = jq.compile("{a: .x.y, b: .x.y, c: .x.z}").source
    assert source.count("'x')") == 2, "once in the test of the type, once to get it"
    assert source.count(".get('y')") == 1


def test_what_is_only_taken_apart_is_not_made() -> None:
    source = jq.compile("{a: .x, b: .y} | with_entries(select(.value != null))").source
    assert "key" not in source
    assert "for " not in source
    assert jq.compile('[.a, .b] | map(select(. != null)) | join(" ")').source.count("[") == 1


def test_a_search_ends_at_what_it_finds() -> None:
    asked: list[int] = []

    def seen(value: int) -> int:
        asked.append(value)
        return value

    seen.takes_input = True  # type: ignore[attr-defined]
    for text in (
        "first(.[] | select(seen == 2))",
        "any(.[]; seen == 2)",
        "all(.[]; seen != 2)",
        "isempty(.[] | select(seen == 2))",
    ):
        asked.clear()
        jq.compile(text, functions={"seen": seen}).first([1, 2, 3, 4])
        assert asked == [1, 2], text


@pytest.mark.parametrize("name", ["t1", "t3", "t4", "t12", "v2", "c5", "st", "f'{t3}'", "t3 = 1"])
def test_a_text_that_looks_like_a_name_of_the_code_is_a_text(name: str) -> None:
    value = {name: 1, "a": {name: 2}}
    quoted = jq.dumps(name).decode()
    text = f'.a as $a | {{{quoted}: .[{quoted}], b: "{name}\\(.[{quoted}])", c: ($a | .[{quoted}] |= . + 1)}}'
    assert jq.compile(text).first(value) == {name: 1, "b": f"{name}1", "c": {name: 3}}


def test_constants_are_not_handed_out_to_be_changed() -> None:
    program = jq.compile('{"x": [1], "y": {}}')
    program.first(None)["x"].append(2)
    assert program.first(None) == {"x": [1], "y": {}}


def test_an_output_that_is_endless_by_sharing_is_stopped_and_a_small_one_is_counted() -> None:
    with pytest.raises(jq.BudgetExceeded, match="too many steps"):
        jq.compile("reduce range(60) as $i (1; [., .])", budget=jq.Budget(steps=100_000)).first(None)
    with pytest.raises(jq.BudgetExceeded, match="output is too large"):
        jq.compile("[range(100)]", budget=jq.Budget(output_bytes=50)).first(None)
    many = jq.compile("range(100) | [range(10)]", budget=jq.Budget(output_bytes=500))
    with pytest.raises(jq.BudgetExceeded, match="output is too large"):
        many.all(None)
