"""The command does what people expect of jq."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from crossdock.jq.command import run


def call(*argv: str, stdin: str = "") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = run(list(argv), io.StringIO(stdin), out, err)
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    ("argv", "stdin", "expected"),
    [
        (["-c", "."], '{"a": 1.10} [2]', '{"a":1.10}\n[2]\n'),
        (["."], '{"a":[1,{}]}', '{\n  "a": [\n    1,\n    {}\n  ]\n}\n'),
        (["--tab", "."], "[1]", "[\n\t1\n]\n"),
        (["-r", ".[]"], '["a", 1]', "a\n1\n"),
        (["-n", "1 + 1"], "", "2\n"),
        (["-s", "-c", "."], "1 2", "[1,2]\n"),
        (["-n", "$x + $y", "--arg", "x", "a", "--argjson", "y", '"b"'], "", '"ab"\n'),
        (["-n", "-c", "$ARGS.named", "--arg", "x", "a"], "", '{"x":"a"}\n'),
        (["--stream", "-c", "."], '{"a":[1]}', '[["a",0],1]\n[["a",0]]\n[["a"]]\n'),
        (["--seq", "-c", "."], "1", "\x1e1\n"),
        (["-S", "-c", "."], '{"b":1,"a":2}', '{"a":2,"b":1}\n'),
        (["-a", "-c", "."], '"é"', '"\\u00e9"\n'),
        (["--indent", "1", "."], "[1]", "[\n 1\n]\n"),
        (["--indent", "0", "."], "[1]", "[1]\n"),
        (["--raw-output0", ".[]"], '["a",1]', "a\x001\x00"),
        (["-rj", ".[]"], '["a",1]', "a1"),
        (["--seq", "-c", "."], "\x1e1\n\x1e[2]\n", "\x1e1\n\x1e[2]\n"),
        (["-R", "."], "a\nb", '"a"\n"b"\n'),
        (["-Rs", "."], "a\nb\n", '"a\\nb\\n"\n'),
        (["-nc", "$ARGS.positional", "--args", "a", "1"], "", '["a","1"]\n'),
        (["-nc", "--jsonargs", "$ARGS.positional", "1", "[2]"], "", "[1,[2]]\n"),
        (["-n", "-1 - 1"], "", "-2\n"),
    ],
)
def test_options(argv: list[str], stdin: str, expected: str) -> None:
    assert call(*argv, stdin=stdin) == (0, expected, "")


def test_files(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"a": 1} {"a": 2}')
    (tmp_path / "p.jq").write_text(".a + ($f[0].a)")
    (tmp_path / "t.txt").write_text("text")
    found = call("-f", str(tmp_path / "p.jq"), str(tmp_path / "in.json"), "--slurpfile", "f", str(tmp_path / "in.json"))
    assert found == (0, "2\n3\n", "")
    assert call("-n", "-r", "$t", "--rawfile", "t", str(tmp_path / "t.txt"))[1] == "text\n"
    assert call(".", str(tmp_path / "missing"))[0] == 2


def test_explain_prints_the_code_and_what_is_read() -> None:
    code, out, _ = call("--explain", ".a.b")
    assert code == 0
    assert out.startswith("# reads: a.b\ndef program(")


def test_lineage_prints_what_reaches_what() -> None:
    code, out, _ = call("--lineage", "{a: .b}")
    assert (code, out.split()) == (0, [".a", "copies", ".b"])


def test_what_came_before_a_mistake_in_the_input_is_printed() -> None:
    code, out, err = call("-c", ".a", stdin='{"a":1} {"a":2} {')
    assert (code, out) == (2, "1\n2\n")
    assert "line 1, column" in err


@pytest.mark.parametrize(
    ("program", "stdin", "code"), [(".[]", "[]", 4), (".[]", "[1,null]", 1), (".[]", "[false,0]", 0)]
)
def test_exit_status_tells_of_the_last_output(program: str, stdin: str, code: int) -> None:
    assert call("-e", program, stdin=stdin)[0] == code


@pytest.mark.parametrize("program", ["input", "[inputs]", "def f: first(inputs); f"])
def test_a_program_that_asks_for_more_inputs_is_told_that_there_are_none(program: str) -> None:
    code, out, err = call("-n", program, stdin="1 2 3")
    assert (code, out) == (3, "")
    assert "is not available" in err


def test_a_reader_that_leaves_early_is_no_mistake() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    err = io.StringIO()
    assert run([".[]"], io.StringIO("[1,2]"), Gone(), err) == 0
    assert err.getvalue() == ""


def test_mistakes_have_exit_codes_and_no_traceback() -> None:
    assert call(".a |")[0] == 3
    assert call(".a.b", stdin='{"a": 1}{"a":{"b":2}}')[:2] == (5, "2\n")
    assert call(".", stdin="{")[0] == 2
    assert call("--no-such-option")[0] == 2
    assert call("--indent", "8", ".")[0] == 2
    assert call("--argjson", "x", "{", ".")[0] == 2
    assert call()[0] == 2
    assert call("-e", ".", stdin="null")[0] == 1
    assert "Traceback" not in call(".a.b", stdin="1")[2]


def test_lineage_is_told_to_people_and_to_programs() -> None:
    program = "{total: .price, mail: .customer.email}"
    assert call("--lineage", program)[1].splitlines() == [
        ".mail   copies  .customer.email",
        ".total  copies  .price",
    ]
    first, _ = json.loads(call("--lineage", "--json", program)[1])["flows"]
    assert first == {
        "output": ".mail", "how": "copies", "source": ".customer.email", "root": ".", "keys": ["customer", "email"],
        "whole": True, "without": [],
    }  # fmt: skip
