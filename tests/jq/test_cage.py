"""An untrusted program sees its input and nothing else: no file, no environment, no clock, no name of ours."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crossdock import jq

SECRET = "s3cr3t-of-the-hub"


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules with a secret beside it, and a process that notices whoever reaches out."""
    (tmp_path / "secret.jq").write_text(f'def secret: "{SECRET}";')
    (tmp_path / "secret.json").write_text(f'"{SECRET}"')
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "secret.jq").write_text(f'def secret: "{SECRET}";')
    inside = tmp_path / "modules"
    (inside / "deep").mkdir(parents=True)
    (inside / "good.jq").write_text('import "deep/other" as o; def good: o::other;')
    (inside / "deep" / "other.jq").write_text("def other: 1;")
    (inside / "data.json").write_text('{"a": 1}')
    (inside / "link.jq").symlink_to(tmp_path / "secret.jq")
    (inside / "link.json").symlink_to(tmp_path / "secret.json")
    (inside / "folder").symlink_to(tmp_path)
    (inside / "up.jq").write_text('import "../secret" as s; def up: s::secret;')
    monkeypatch.setenv("CROSSDOCK_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)
    return inside


IMPORTS = [
    'include "../secret"; secret', 'import "../secret" as s; s::secret', 'import "link" as s; s::secret',
    'import "up" as s; s::up',
    'import "deep/../../secret" as s; s::secret', 'import "folder/secret" as s; s::secret',
    'import "/etc/passwd" as $p; $p',
    'import "../secret" as $s; $s', 'import "link" as $s; $s', 'import "folder/secret" as $s; $s',
    'import "./../secret" as $s; $s',
    'import "secret" as s {search: ".."}; s::secret', 'import "secret" as $s {search: "../"}; $s',
    'import "secret" as $s {search: ["deep", "..", "."]}; $s',
    'import "secret" as $s {search: "/"}; $s', 'import "passwd" as $s {search: "/etc"}; $s',
    'import "~/secret" as $s; $s', 'import "$HOME/x" as $s; $s',
    'import "file:///etc/passwd" as $s; $s', 'import "http://127.0.0.1/x" as $s; $s', 'import "\\u0000" as $s; $s',
    'import "..\\\\secret" as $s; $s',
    'import "." as $s; $s', 'import "" as $s; $s', 'import "/dev/stdin" as $s; $s',
    'import "/proc/self/environ" as $s; $s', 'import "a\\nb" as $s; $s',
    '"../secret" | modulemeta', '"link" | modulemeta', '"folder/secret" | modulemeta', '"/etc/passwd" | modulemeta',
    '"\\u0000" | modulemeta',
    'import "' + "a" * 5_000 + '" as $s; $s', 'import "good" as g {search: 5}; g::good | error',
    'include "good" {search: "./\\u0000"}; good',
]  # fmt: skip


@pytest.mark.parametrize("program", IMPORTS)
def test_no_import_leaves_its_folder(outside: Path, program: str) -> None:
    for folder in (outside, None):
        with pytest.raises((jq.CompileError, jq.RunError)) as caught:
            jq.compile(program, module_path=folder).all(None)
        told = str(caught.value)
        assert SECRET not in told
        assert "root:" not in told
        assert "internal" not in told


def test_imports_inside_the_folder_work(outside: Path) -> None:
    program = jq.compile('import "good" as g; import "data" as $d; g::good, $d[0].a', module_path=outside)
    assert program.all(None) == [1, 1]


REACHING = [
    "env", "$ENV", "env.PATH", "$ENV.CROSSDOCK_SECRET", '$ENV["HOME"]', "env | keys", "$ENV | length", "[inputs]",
    "try input catch .", "try input_filename catch .",
    "try input_line_number catch .", "try get_search_list catch .", "try halt catch .", "try halt_error catch .",
    'try ("x" | halt_error(1)) catch .',
    "try $__prog_args catch .", "$__loc__", "try now catch .", "try localtime catch .", "builtins | length",
    "try get_prog_origin catch .", "try get_jq_origin catch .",
    'try ("%Z" as $f | 0 | strflocaltime($f)) catch .', "try (0 | localtime | mktime) catch .",
    'try ("a" | error) catch .', "try error(env) catch .",
    "@sh \"\\(.)\"", "@json", "debug", "stderr", "debug(env)", "try modulemeta catch .", "try ltrimstr(env) catch .",
    "try splits(env) catch .",
    "try getpath([\"__class__\"]) catch .", "try .__class__ catch .", "try .[\"__globals__\"] catch .",
    "try (\"\" | .__class__) catch .",
    "try ([] | .__len__) catch .", "try ({} | .get) catch .", "try ({} | .items) catch .", "try (null | .st) catch .",
    '"{0.__class__}" | @text', '"%s %(a)s {} {x} ${x}" | ascii_downcase', '"{0.__class__}" | test("{0.__class__}")',
    '"\\(.)" | strptime("%Y")?',
    'try ("__import__(\\"os\\").system(\\"id\\")" | fromjson) catch .', "try (\"x\" | tonumber) catch .",
    'gsub("(?P<__class__>x)"; .__class__)?',
]  # fmt: skip


@pytest.mark.parametrize("program", REACHING)
def test_nothing_of_the_process_shows(outside: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Compiled first; from then on nothing may be opened, asked or started."""
    try:
        compiled = jq.compile(program)
        compiled.first("warm")  # what is imported on first use is
    except jq.CompileError as error:
        refused = str(error)
        assert SECRET not in refused
        return
    except jq.RunError:
        pass
    touched: list[str] = []

    def refuse(name: str) -> Any:
        def refused(*args: Any, **options: Any) -> Any:
            touched.append(f"{name}{args[:1]}")
            raise OSError(name)

        return refused

    for holder, name in (
        (builtins, "open"), (io, "open"), (os, "open"), (os, "system"), (os, "getenv"), (os, "listdir"), (os, "stat"),
        (socket, "socket"),
        (subprocess, "Popen"), (builtins, "eval"), (builtins, "exec"), (builtins, "compile"), (builtins, "input"),
        (builtins, "print"),
    ):  # fmt: skip
        monkeypatch.setattr(holder, name, refuse(name))
    heard: list[Any] = []
    outputs = []
    for value in (None, {"a": 1}, "text", [1]):
        try:
            outputs += compiled.all(value, on_debug=heard.append)
        except jq.RunError as error:
            outputs.append(error.value)
    monkeypatch.undo()
    shown = repr((outputs, heard))
    assert touched == []
    assert SECRET not in shown
    assert str(Path.home()) not in shown
    assert "<class" not in shown
    assert "object at 0x" not in shown
    assert all(
        type(output) in (type(None), bool, int, float, str, list, dict) or "Decimal" in repr(output)
        for output in outputs
    )


def test_the_names_of_generated_code_are_its_own() -> None:
    """No word of a program is a name of the code, whatever it is called; and the code has no builtins."""
    words = [
        "open",
        "exec",
        "__import__",
        "getattr",
        "type",
        "st",
        "v1",
        "t2",
        "f3",
        "program",
        "RunError",
        "NOTHING",
        "get",
    ]
    defs = "".join(f"def {word}({word}2; ${word}3): {word}2 + ${word}3; " for word in words)
    calls = ", ".join(f"{word}(.a; 2)" for word in words)
    binds = "".join(f". as {{a: ${word}}} | " for word in words)
    program = jq.compile(f"{defs}{binds}{calls}, ${words[0]}")
    assert program.all({"a": 1}) == [3] * len(words) + [1]
    found = program._function.__globals__
    assert set(found["__builtins__"]) == {"__build_class__"}
    for name in (
        "open",
        "exec",
        "eval",
        "__import__",
        "getattr",
        "setattr",
        "globals",
        "vars",
        "compile",
        "input",
        "os",
        "sys",
    ):
        assert name not in found


def test_a_lent_function_is_the_only_way_out() -> None:
    calls: list[Any] = []

    def lookup(*args: Any) -> Any:
        calls.append(args)
        raise LookupError(SECRET[:0] + "no such row")

    program = jq.compile('try lookup("t"; .k) catch .', functions={"lookup": lookup})
    assert program.first({"k": "x"}) == "lookup: no such row"
    assert calls == [("t", "x")]
    with pytest.raises(jq.CompileError, match="not defined"):
        jq.compile('def f: lookup2("t"); f', functions={"lookup": lookup})
    with pytest.raises(jq.CompileError, match="not defined"):
        jq.compile('"\\(lookup)"')


def test_what_a_run_was_given_is_not_changed() -> None:
    value = {"a": [1, {"b": [2]}], "c": {"d": "x"}}
    before = jq.dumps(value)
    for program in (
        ".a[1].b[0] = 9", "del(.a[0])", ".. |= .", "walk(if type == \"number\" then . + 1 else . end)", ".a += [3]",
        "to_entries[0].value = 1",
        "reduce range(3) as $i (.; .a[$i] = $i)", ".a |= sort", ".c |= with_entries(.key |= ascii_upcase)",
        "setpath([\"a\", 1, \"b\"]; 5)",
        ".a as $x | $x[0] = 7 | ., $x", "[., .] | .[0].a = 1", "(.a, .c) |= empty", ".a[1:] = [7]", ". * {c: {d: 1}}",
        "add?", "map_values(.[0]?)",
        "limit(1; .a[] |= . )", "foreach .a[] as $x (.; .c.d = $x)", ".a |= reverse", "del(..|numbers)",
        "group_by(.)?", ".a |= map(.)",
    ):  # fmt: skip
        with contextlib.suppress(jq.RunError):
            jq.compile(program).all(value)
        assert jq.dumps(value) == before, program


def test_a_failed_run_says_nothing_of_our_code() -> None:
    for program, value in (
        (".a.b", 1),
        ("error", {"x": 1}),
        ("tonumber", "x"),
        ("[.[] | .a]", [1]),
        ("{(.): 1}", 1),
        ("def f: f + 1; f", 1),
    ):
        with pytest.raises(jq.JqError) as caught:
            jq.compile(program).all(value)
        assert "Traceback" not in str(caught.value)
        assert ".py" not in str(caught.value)
        assert sys.prefix not in str(caught.value)
