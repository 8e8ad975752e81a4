"""The command does what people expect of jq."""

from __future__ import annotations

import io
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


def test_mistakes_have_exit_codes_and_no_traceback() -> None:
    assert call(".a |")[0] == 3
    assert call(".a.b", stdin='{"a": 1}{"a":{"b":2}}')[:2] == (5, "2\n")
    assert call(".", stdin="{")[0] == 2
    assert call("--no-such-option")[0] == 2
    assert call("-e", ".", stdin="null")[0] == 1
    assert "Traceback" not in call(".a.b", stdin="1")[2]
