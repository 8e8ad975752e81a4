"""What is huge, deep or strange is answered, or refused with a reason; it never takes the process along."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import threading
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest

from crossdock import jq

NOW = jq.Budget(steps=10**15, wall_s=0)
"""Stopped at the first look at the clock."""
MB = 1 << 20
SMALL = jq.Budget(steps=50_000, wall_s=60, value_bytes=MB // 16, output_bytes=MB // 4)
MANY = list(range(100_000))
MIXED: list[Any] = [i if i % 2 else str(i) for i in MANY]
TEXT = "a" * MB


# -- time: the clock is looked at inside one call, too


@pytest.mark.parametrize(
    ("program", "value"),
    [
        ("sort", MANY), ("sort", MIXED), ("sort_by(-.)", MANY), ("group_by(. % 10)", MANY), ("unique", MIXED),
        ("min", MANY),
        ("max_by(.)", MIXED), ("flatten", [MANY]), ("reverse", MANY), ("indices([0])", MANY), ("indices(1)", MANY),
        ('indices("a")', TEXT), ("transpose", [MANY]), ("[tostream]", MANY), ("[paths]", MANY), ("tojson", MANY),
        ("tojson | fromjson", MANY), ("fromjson", "[" + "1," * MB + "1]"), ("explode", TEXT), ("implode", [97] * MB),
        ('split("a")', TEXT), ('split("")', TEXT), ('[splits("a")]', TEXT), ('gsub("a"; "b")', TEXT),
        ('[match("a"; "g")]', TEXT),
        ('[match(""; "g")]', TEXT), ('test("(a+)+$")', TEXT), ("@base64", TEXT), ("@base64d", "YWFh" * MB),
        ("@base32", TEXT),
        ("@base32d", "MFQWCYLB" * MB), ("@html", TEXT), ("@uri", TEXT), ("@urid", "%41" * MB), ("@sh", TEXT),
        ("@csv", [TEXT]),
        ("@json", TEXT), ('join(",")', [TEXT]), ("trim", " " * MB), ("utf8bytelength", TEXT), (".[1:]", TEXT),
        (".[1:]", MANY),
        ('contains("b")', TEXT), ("keys", MANY), ("to_entries", MANY), ("add", MANY), (". - [1]", MANY),
        ("walk(.)", MANY),
        (". == (. | map(.))", MANY), ("[limit(1e6; repeat(1))]", None), ("[range(1e6)]", None), ("[.[] | . + 1]", MANY),
        ("[recurse]", MANY), ("map_values(. + 1)", MANY), ("(.[] | select(. > 1)) |= 2", MANY),
        ("del(.[] | select(. > 1))", MANY),
        ("reduce .[] as $x (0; . + $x)", MANY), ("[foreach .[] as $x (0; . + $x)]", MANY), ("until(. > 1e6; . + 1)", 0),
        ("[combinations(3)]", list(range(100))), ("[.[:100][] as $x | tojson | length]", MANY),
        ("any(.[]; . < 0)", MANY),
        ("[range(500) as $i | tojson | length]", MANY), ("INDEX(.[]; .)", MANY), ("with_entries(.value += 1)", MANY),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 60 else type(value).__name__,
)  # fmt: skip
def test_no_call_runs_on_past_its_time(program: str, value: Any) -> None:
    with pytest.raises(jq.BudgetExceeded, match="too long"):
        jq.compile(program, budget=NOW).all(value)


def test_a_date_and_its_format_are_short() -> None:
    for program in ('"%Y" * 10000 as $f | 0 | strftime($f)', '" " * 100000 | strptime(" %Z %p")'):
        with pytest.raises(jq.RunError, match="characters"):
            jq.compile(program).all(None)
    with pytest.raises(jq.RunError, match="does not match"):
        jq.compile('strptime("%s")').all("9" * 30)


# -- memory


@pytest.mark.parametrize(
    "program",
    [
        'reduce range(60) as $i ("\\"\\\\"; tojson)', 'reduce range(60) as $i ("\\""; @json)',
        'reduce range(60) as $i ("&"; @html)',
        'reduce range(60) as $i ("%%"; @uri)', "reduce range(60) as $i (\"'\"; @sh)",
        'reduce range(60) as $i ("\\""; [.] | @csv)',
        'reduce range(60) as $i ("\\\\"; [., .] | @tsv)', 'reduce range(99) as $i ("a"; @base64)',
        'reduce range(60) as $i ("a"; @base32)',
        'reduce range(60) as $i ("a"; [., .] | @text)', 'reduce range(60) as $i ("a"; [., .] | join(""))',
        '("a" * 2e5) | [., ., .] | @sh',
        'reduce range(60) as $i ("aa"; gsub("a"; "aa"))', 'reduce range(60) as $i ("a"; . + .)',
        'reduce range(60) as $i ("a"; . * 3)',
        'reduce range(60) as $i ("a"; "\\(.)\\(.)")', "reduce range(60) as $i ([1]; . + .)", "[range(1e9)]",
        "[range(1e6) | 97] | implode",
        "[limit(1e9; repeat(1))]", "[range(100)] | [combinations(4)]", "reduce range(60) as $i ([]; [., .]) | tojson",
        "reduce range(60) as $i ([]; [., .]) | flatten", "reduce range(60) as $i ([]; [., .]) | [..]", ".[1e6] = 1",
        "setpath([3e5]; 1)",
        "reduce range(1000) as $i (null; .[200000 + $i] = 1)", "reduce range(60) as $i ({}; {a: ., b: .}) | tojson",
        "[range(300) | tostring * 10000]", '[match(("a" * 1e6); "")] | [range(1000) as $i | .]',
        "[range(1e5) | [range(100)]]", "reduce range(1e7) as $i ({}; .[$i | tostring] = 1)",
    ],
)  # fmt: skip
def test_no_program_grows_beyond_its_bounds(program: str) -> None:
    compiled = jq.compile(program, budget=SMALL)
    tracemalloc.start()
    try:
        with contextlib.suppress(jq.BudgetExceeded, jq.RunError):
            compiled.all(None)
        assert tracemalloc.get_traced_memory()[1] < 100 * MB
    finally:
        tracemalloc.stop()


def test_want_of_memory_is_not_the_programs_fault_and_it_cannot_catch_it() -> None:
    def short(value: Any) -> Any:
        raise MemoryError

    program = jq.compile("try short(.) catch 0", functions={"short": short})
    with pytest.raises(MemoryError):
        program.first(1)
    with pytest.raises(MemoryError):
        program.all(1)


def test_shared_structure_is_not_copied() -> None:
    """A value of 2^60 parts, all the same one, may be made and handed on; it may not be written out."""
    twins = "reduce range(60) as $i ([]; [., .])"
    assert jq.compile(f"{twins} | length", budget=SMALL).first(None) == 2
    with pytest.raises(jq.BudgetExceeded):
        jq.compile(twins, budget=SMALL).first(None)


# -- size and depth


def test_a_program_of_100_kilobytes_compiles() -> None:
    fields = ", ".join(f"field_{i}: .source_{i}" for i in range(3_000))
    lines = "".join(f"# {i}: {'x' * 20}\n" for i in range(1_500))
    text = f"{lines}{{{fields}}}"
    assert len(text) > 100_000
    program = jq.compile(text)
    assert program.first({"source_7": 1})["field_7"] == 1
    assert {flow.source for flow in program.lineage().of("field_7")} == {(".", "source_7")}


NESTED = {
    "arrays": "[" * 1_000 + "]" * 1_000, "parentheses": "(" * 1_000 + "1" + ")" * 1_000,
    "objects": "{a:" * 1_000 + "1" + "}" * 1_000,
    "conditions": "if . then " * 1_000 + "1" + " else 2 end" * 1_000, "maps": "map(" * 1_000 + "." + ")" * 1_000,
    "reduce": "reduce . as $x (1; " * 1_000 + "." + ")" * 1_000, "try": "try " * 1_000 + "1",
    "texts": '"a\\(' * 1_000 + "1" + ')"' * 1_000,
    "definitions": "".join(f"def f{i}: " for i in range(1_000)) + "1" + "".join(f"; f{i}" for i in range(999, -1, -1)),
    "patterns": ". as " + "[" * 1_000 + "$x" + "]" * 1_000 + " | $x",
    "updates": ".a |= (" * 1_000 + ". + 1" + ")" * 1_000,
    "labels": "label $f | " * 1_000 + "break $f", "first": "first(" * 1_000 + "." + ")" * 1_000,
    "walk": "walk(" * 1_000 + "." + ")" * 1_000,
    "paths": "path(" * 1_000 + "." + ")" * 1_000, "deletions": "del(" * 1_000 + "." + ")" * 1_000,
    "alternatives": " // ".join([".a"] * 1_000),
    "recursion": "def f: " + "if . > 0 then . - 1 | f else " * 1_000 + "1" + " end" * 1_000 + "; f",
    "forgiven": ".a" + "?" * 1_000,
}  # fmt: skip


@pytest.mark.parametrize("name", NESTED)
def test_a_program_nested_1_000_deep_is_answered_or_refused(name: str) -> None:
    try:
        program = jq.compile(NESTED[name], budget=jq.Budget(steps=200_000))
    except jq.CompileError as error:
        refused = error.message
    else:
        with contextlib.suppress(jq.RunError, jq.BudgetExceeded):
            program.all(1)
        program.lineage()
        program.reads()
        return
    assert "deep" in refused or "large" in refused


def test_an_input_nested_1_000_deep_is_an_input_like_others() -> None:
    for text in ("[" * 1_000 + "1" + "]" * 1_000, '{"a":' * 1_000 + "1" + "}" * 1_000):
        value = jq.loads(text)
        for program in (
            ".", "tojson | fromjson", "[..] | length", "flatten? // .", "[paths] | length", ". == .", "[., .] | unique",
            "[tostream] | fromstream(.[])", "(.. | numbers) |= . + 1", "del(..|numbers)",
            "[leaf_paths] | .[0] | length", "contains(.)",
            "tostring", "@text", "@json", "getpath([paths] | last)", "reduce [paths][-1] as $p (.; setpath($p; 1))",
            "(. * {})? // 1",
        ):  # fmt: skip
            assert len(jq.compile(program).all(value)) == 1, program
        assert jq.dumps(value) == text.encode()
    with pytest.raises(jq.JsonError, match="depth"):
        jq.loads("[" * 100_000)


@pytest.mark.skipif("CROSSDOCK_FUZZ" not in os.environ, reason="nightly: it takes a gigabyte")
def test_an_input_of_50_megabytes() -> None:
    line = b'{"sku": "ABC-1234", "quantity": 3, "price": 19.90, "note": "' + b"x" * 60 + b'"}'
    text = b'{"lines": [' + b",".join([line] * 450_000) + b"]}"
    assert len(text) > 50_000_000
    value = jq.loads(text)
    total = jq.compile("reduce .lines[] as $l (0; . + $l.price * $l.quantity)", budget=jq.Budget(wall_s=60)).first(
        value
    )
    assert total == Decimal("19.90") * 3 * 450_000
    assert jq.compile("[.lines[].sku] | unique", budget=jq.Budget(wall_s=60)).first(value) == ["ABC-1234"]


# -- strange keys, texts and numbers

NAMES = ["class", "None", "__class__", "__builtins__", "lambda", "self", "st", "", " ", "*", "$x", "a.b", "'", '"',
"\\", "\n", "\x00",
         "\u2028", "é", "\U0001f600", "{0}", "%s", "__proto__", "constructor", "}"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_a_key(name: str) -> None:
    text = jq.dumps(name).decode()
    value = {name: {"x": 1}, "other": 2}
    assert jq.compile(f".[{text}].x").first(value) == 1
    assert jq.compile(f"{{{text}: 5}} + . | .[{text}] |= 7 | del(.other)").first(value) == {name: 7}
    assert jq.compile(f". as {{{text}: {{x: $x}}}} | $x, (to_entries[0].key), has({text})").all(value) == [
        1,
        name,
        True,
    ]
    assert jq.compile('keys_unsorted[0] as $k | .[$k].x, getpath([$k, "x"])').all(value) == [1, 1]
    assert jq.loads(jq.dumps(value)) == value


def test_lone_surrogates_become_the_replacement_character() -> None:
    assert jq.loads(b'"\\ud800x"') == "\ufffdx"
    assert jq.compile('"\\ud800" | ., length, tojson').all(None) == ["\ufffd", 1, '"\ufffd"']
    for program in (
        ".",
        "tojson",
        "@uri",
        "@base64",
        "explode | implode",
        "utf8bytelength",
        "ascii_downcase",
        'test(".")',
        ". + .",
    ):
        for output in jq.compile(program).all("a\ud800b"):
            assert b"\xed\xa0" not in jq.dumps(output)


@pytest.mark.parametrize(
    ("text", "program", "expected"),
    [
        ("1e1000", ".", "1E+1000"), ("1e1000", ". * 10 == 1e1001", "true"), ("-0", ". == 0", "true"), ("-0.0",
        "tostring", '"-0.0"'),
        ("[1e1000, -1e1000, 0]", "sort", "[-1E+1000,0,1E+1000]"), ("1e-1000", ". > 0", "true"), ("0e999999",
        ". + 1", None),
        ("1e999999999999999999", ". + 1", None), ("1e999999999999999999", "floor", None), ("1e400",
        "sqrt | isinfinite", "true"),
        ("null", "nan | . < nan", "true"), ("null", "[nan] | sort | tojson", '"[null]"'), ("null", "nan | tojson",
        '"null"'),
        ("null", "[nan, 1] | min | isnan", "true"), ("null", "{a: nan} | .a == .a", "false"), ("null",
        "infinite | floor", "1.7976931348623157e+308"),
        ("9" * 4000, ". + 1 - . ", "1"), ("9" * 4000, ". * . * .", None), ("9" * 4000, "tostring | length", "4000"),
        ("1e1000", ".[.]?", None),
        ("[1,2]", ".[1e1000]", "null"), ("[1,2]", ".[-1e1000:1e1000]", "[1,2]"), ("[1,2]", "limit(1e1000; .[])", None),
        ("3", "range(1e1000; 1)", None),
        ("1e1000", "todate", None), ("1e1000", "[.] | implode", None), ("1e1000", ". % 7", "4"), ("7", ". % 1e1000",
        "7"),
        ("1e1000", '"ab" * .', None), ("0.1", '. as $x | [range(10) | $x] | add == 1', "true"),
    ],
)  # fmt: skip
def test_extreme_numbers_are_exact_or_refused(text: str, program: str, expected: str | None) -> None:
    value = jq.loads(text)
    try:
        outputs = jq.compile(program, budget=SMALL).all(value)
    except (jq.RunError, jq.BudgetExceeded) as error:
        refused = str(error)
    else:
        refused = ""
    assert "internal" not in refused
    assert not (refused and expected), refused
    if expected is not None:
        assert [jq.dumps(output).decode() for output in outputs] == [expected]


def test_integers_beyond_the_limit_of_digits_are_refused_with_their_place() -> None:
    with pytest.raises(jq.JsonError, match=r"4,300 digits.* in \.a\[1\]"):
        jq.loads('{"a": [1, ' + "9" * 5_000 + "]}")
    with pytest.raises(jq.CompileError, match="4,300 digits"):
        jq.compile("9" * 5_000)
    with pytest.raises(jq.RunError, match="4,300 digits"):
        jq.compile("tonumber").first("9" * 5_000)
    assert jq.compile("fromjson? // 1").first("9" * 5_000) == 1


def test_a_duplicate_key_is_refused_with_its_path() -> None:
    with pytest.raises(jq.JsonError, match=r"duplicate key 'k' in \.a\[1\].* line 2"):
        jq.loads('{"a": [0,\n{"k": 1, "k": 2}]}')


# -- several at once


def test_one_program_runs_in_many_threads_each_with_its_own_budget() -> None:
    program = jq.compile(
        "if .stop then [repeat(1)] else"
        " def f($n): if $n == 0 then . else f($n - 1) end; [range(.n)] | map(f(3) * 2) | add end",
        budget=jq.Budget(steps=20_000, wall_s=30),
    )
    wrong: list[Any] = []
    start = threading.Barrier(8)

    def work(n: int) -> None:
        start.wait()
        for i in range(20):
            size = 100 * n + i
            if program.first({"n": size}) != size * (size - 1):
                wrong.append(size)
            with contextlib.suppress(jq.BudgetExceeded):
                wrong.append(program.first({"stop": True}))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_programs_are_compiled_in_many_threads_from_the_first_on() -> None:
    """In a process of its own, where nothing of the prelude was used before."""
    script = """
import sys, threading
from crossdock import jq
sys.setswitchinterval(1e-6)
programs = ["walk(.)", "[paths]", "with_entries(.)", "any", "[recurse(.[]?)]", "INDEX(.[]; .a?)",
            "[limit(3; repeat(1))]", "[splits(\\"a\\")?]", "first(range(10; 0; -1))",
            "[.[] | tostring | gsub(\\"a\\"; \\"b\\")]"]
start, found = threading.Barrier(10), []
def work(i):
    start.wait()
    for program in programs[i:] + programs[:i]:
        found.append(jq.compile(program).first({"a": [1]}))
threads = [threading.Thread(target=work, args=(i,)) for i in range(10)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(found))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (run.stdout, run.stderr) == ("100\n", "")


def test_a_run_that_is_left_half_way_leaves_nothing_behind() -> None:
    program = jq.compile("def f: ., (try (. + 1) catch 0 | f); f, (label $out | repeat(1) | ., break $out)")
    for i in range(200):
        outputs = program.run(i)
        assert [next(outputs), next(outputs)] == [i, i + 1]
        outputs.close()  # type: ignore[attr-defined]
    abandoned = [program.run(i) for i in range(50)]
    assert [next(run) for run in abandoned] == list(range(50))
    del abandoned
    assert next(program.run(7)) == 7


def test_a_run_is_not_disturbed_by_another_of_the_same_program() -> None:
    program = jq.compile("range(3) as $i | [foreach .[] as $x ($i; . + $x)] | last")
    one, two = program.run([1, 2]), program.run([10])
    assert [next(one), next(two), next(one), next(two), next(one), next(two)] == [3, 10, 4, 11, 5, 12]
    assert math.isnan(jq.compile("nan").first(None))
