"""A program cannot hang, exhaust or leave its cage."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import pytest

from crossdock import jq

BUDGET = jq.Budget(steps=200_000, wall_s=20, value_bytes=1 << 24, output_bytes=1 << 24)
TWINS = "(reduce range(60) as $i ([]; [., .]))"

ENDLESS = [
    "def f: f; f",
    "def f: 1 + f; f",
    "def f: f | f; f",
    "def f: f, f; f",
    "def f(x): x | f(x | x); f(.)",
    "def f(x): f(f(x)); f(1)",
    "[range(1e9)]",
    "last(range(3e8))",
    "repeat(.)",
    "until(false; .)",
    "[while(true; . + 1)]",
    "[recurse(.)]",
    "[range(0; 1; 0)]",
    "[range(300)] | [combinations(9)]",
    "reduce repeat(1) as $i (0; . + 1)",
    "[foreach repeat(1) as $i (0; . + 1)]",
    "first(range(1e9) | select(. < 0))",
]
GROWING = [
    'reduce range(100) as $i ("x"; . + .)',
    "reduce range(100) as $i ([1]; . + .)",
    'reduce range(100) as $i ("x"; . * 2)',
    'reduce range(100) as $i ("x"; "\\(.)\\(.)")',
    'reduce range(100) as $i ("x"; [., .] | join(""))',
    '"x" * 1e9',
    ".[1e8] = 1",
    TWINS,
    TWINS + " | tojson",
    TWINS + " | flatten",
    TWINS + " | [..] | length",
    f"{TWINS} as $a | {TWINS} as $b | $a == $b",
    f"{TWINS} as $a | {TWINS} as $b | [$a, $b] | sort",
    f"{TWINS} | [paths] | length",
    f"{TWINS} | walk(.)",
    "def f0: .; " + "".join(f"def f{i + 1}: f{i} | f{i}; " for i in range(40)) + "f40",
    "def g0(f): f | f; " + "".join(f"def g{i + 1}(f): g{i}(f | f); " for i in range(25)) + "g25(.)",
]


@pytest.mark.parametrize("program", ENDLESS + GROWING)
def test_an_endless_or_growing_program_is_stopped_with_a_reason(program: str) -> None:
    with pytest.raises(jq.BudgetExceeded) as caught:
        jq.compile(program, budget=BUDGET).all(None)
    assert "limit:" in str(caught.value)


def test_being_stopped_cannot_be_caught_by_the_program() -> None:
    with pytest.raises(jq.BudgetExceeded):
        jq.compile("try repeat(.) catch 1, (repeat(.)?), first(repeat(empty)?)", budget=BUDGET).all(None)


def test_the_wall_clock_stops_what_the_step_count_would_let_run() -> None:
    program = jq.compile("def f: f; f", budget=jq.Budget(steps=10**12, wall_s=0.05))
    with pytest.raises(jq.BudgetExceeded, match="too long"):
        program.first(None)


def test_a_lazy_program_pays_only_for_what_it_takes() -> None:
    program = jq.compile("first(range(1e9)), isempty(range(1e9)), [limit(3; repeat(1))]", budget=BUDGET)
    assert program.all(None) == [0, False, [1, 1, 1]]


def test_one_bad_message_leaves_the_program_fit_for_the_next() -> None:
    program = jq.compile("if .loop then repeat(.) elif .fail then error(.fail) else .ok end", budget=BUDGET)
    good = 0
    for i in range(1_000):
        message: dict[str, Any] = {"ok": i}
        if i == 500:
            message = {"loop": True}
        if i == 501:
            message = {"fail": "bad data"}
        try:
            good += program.first(message) == i
        except (jq.BudgetExceeded, jq.RunError):
            assert i in (500, 501)
    assert good == 998


def test_an_exponential_regular_expression_is_linear() -> None:
    text = "a" * 50_000 + "b"
    assert jq.compile('test("^(a+)+$")').first(text) is False


def test_deep_values_are_errors_or_results_but_never_crashes() -> None:
    deep: Any = None
    for _ in range(50_000):
        deep = [deep]
    for program in (
        ".",
        "tojson",
        "flatten",
        "[..] | length",
        ". == .",
        "[., .] | sort",
        "walk(.)",
        "tostream",
        "@text",
    ):
        with contextlib.suppress(jq.RunError, jq.BudgetExceeded):
            assert set(jq.compile(f"{program} | 1").all(deep)) == {1}


@pytest.mark.parametrize(
    "program",
    [
        "[" * 1_000 + "]" * 1_000,
        "(" * 1_000 + "1" + ")" * 1_000,
        "." + " | ." * 20_000,
        "." + " + ." * 20_000,
        ".a" * 20_000,
        "-" * 5_000 + "1",
        "try " * 1_000 + "1",
        "{a:" * 1_000 + "1" + "}" * 1_000,
        "[.[] | " * 200 + "." + "]" * 200,
        "[.[] | (1, 2) | " * 80 + "." + "]" * 80,
        "def f: 1; " * 2_000 + "f",
        "1 as $x | " * 1_000 + "$x",
        "if . then 1 " + "elif . then 2 " * 1_000 + "else 3 end",
        '"a\\(' * 500 + "1" + ')"' * 500,
        "reduce (" * 200 + "." + ") as $x (.; .)" * 200,
        "." * 100_000,
    ],
    ids=lambda p: p[:20],
)
def test_monstrous_programs_compile_or_are_refused(program: str) -> None:
    limit = sys.getrecursionlimit()
    with contextlib.suppress(jq.CompileError):
        assert jq.compile(program, budget=BUDGET).source
    assert sys.getrecursionlimit() == limit


HOSTILE = [
    "__import__",
    "__builtins__",
    "exec",
    "program",
    "st",
    "RunError",
    "t1",
    "class",
    "None",
    "type",
    "__class__",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_python_are_ordinary_names(name: str) -> None:
    program = jq.compile(
        f"def {name}: 1; def g({name}): {name}; . as ${name} | {{{name}: {name}, v: ${name}, g: g(2)}} | ., .{name}"
    )
    assert program.all(5) == [{name: 1, "v": 5, "g": 2}, 1]


def test_no_string_of_the_program_becomes_code() -> None:
    nasty = "'); raise SystemExit  # \\ \" \n \r \u2028 {0} %s \x00"
    literal = jq.dumps(nasty).decode()
    program = jq.compile(f"{{{literal}: {literal}}} | .[{literal}], (. as {{{literal}: $x}} | $x), keys[0]")
    assert program.all(None) == [nasty] * 3
    assert "SystemExit" not in jq.compile(".a").source


def test_the_generated_code_has_no_builtins() -> None:
    namespace = jq.compile(".a")._function.__globals__
    assert set(namespace["__builtins__"]) == {"__build_class__"}
    assert not {"open", "eval", "exec", "getattr", "__import__"} & set(namespace)


def test_nothing_outside_is_seen(tmp_path: Path) -> None:
    assert jq.compile("$ENV, env, [inputs]").all(None) == [{}, {}, []]
    for program in ("input", "halt", "input_filename", "get_search_list", "input_line_number", "halt_error", "now"):
        with pytest.raises(jq.RunError):
            jq.compile(program).first(None)
    with pytest.raises(jq.CompileError, match="no module folder"):
        jq.compile('import "a" as a; 1')
    inside = tmp_path / "modules"
    inside.mkdir()
    (tmp_path / "secret.jq").write_text("def s: 1;")
    (inside / "good.jq").write_text("def twice: . * 2;")
    (inside / "leak.jq").symlink_to(tmp_path / "secret.jq")
    assert jq.compile('import "good" as g; g::twice', module_path=inside).first(4) == 8
    for path in ("../secret", str(tmp_path / "secret"), "leak"):
        with pytest.raises(jq.CompileError, match="outside the module folder"):
            jq.compile(f'include "{path}"; s', module_path=inside)
    with pytest.raises(jq.CompileError, match="outside the module folder"):
        jq.compile('import "secret" as s {search: ".."}; 1', module_path=inside)


def test_modules_that_import_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jq").write_text('import "b" as b; def f: 1;')
    (tmp_path / "b.jq").write_text('import "a" as a; def f: 1;')
    with pytest.raises(jq.CompileError, match="circle"):
        jq.compile('import "a" as a; a::f', module_path=tmp_path)
