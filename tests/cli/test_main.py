"""What every command has in common: how it is asked, and how it fails."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crossdock import __version__
from crossdock.cli import status
from crossdock.cli.main import COMMANDS
from crossdock.core.errors import CrossdockError, StoreError

from .conftest import Hub, Type


def test_it_tells_its_version(bare: Type) -> None:
    assert bare("--version").out.strip() == __version__


def test_the_overview_tells_each_command_in_a_whole_sentence(bare: Type) -> None:
    lines = bare("--help").out.partition("Commands:\n")[2].splitlines()
    assert len(lines) == len(COMMANDS)
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_it_lists_every_command(bare: Type, words: tuple[str, ...]) -> None:
    said = bare(*words)
    assert said.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in said.out


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "jq"])
def test_every_command_explains_itself_in_whole_sentences(bare: Type, name: str) -> None:
    said = bare(name, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: crossdock {name}")


@pytest.mark.parametrize(
    "words",
    [
        ("stauts",),
        ("status", "extra"),
        ("status", "--limit", "3"),
        ("run", "--port", "many"),
        ("run", "--port", "70000"),
        ("trace",),
        ("holds", "adopt", "only-one"),
        ("status", "--environment", "prodution"),
        ("sandbox", "shopifi"),
        ("init", "x", "--template", "sohp"),
        ("dead-letters", "retry"),
        ("dead-letters", "retry", "an-id", "--all"),
    ],
)
def test_wrong_usage_is_one_error_with_a_hint_and_exit_code_2(
    bare: Type, project: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(project)
    said = bare(*words)
    assert said.code == 2
    assert said.out == ""
    assert len(said.err.splitlines()) >= 2
    assert "Traceback" not in said.err
    as_json = bare(*words, "--json")
    assert as_json.code == 2
    assert as_json.json["error"]
    assert as_json.json["hint"]


def test_outside_a_project_every_command_says_so(bare: Type, tmp_path: Path) -> None:
    for words in (("status",), ("check",), ("run",), ("audit",), ("holds", "list"), ("secrets", "list")):
        said = bare(*words, "--project", str(tmp_path))
        assert said.code == 1
        assert "this folder is no project" in said.err + said.out
        assert "crossdock init" in said.err + said.out


def test_before_the_first_run_there_is_nothing_to_read(type_: Type, project: Path) -> None:
    (project / ".crossdock" / "production.db").unlink()
    said = type_("trace", "in:7")
    assert said.code == 1
    assert "`crossdock run` makes one" in said.err
    assert type_("status").code == 0


def test_an_error_of_ours_is_two_lines_and_no_traceback(type_: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the disk is full", hint="make room")

    monkeypatch.setattr(status, "place_of", fail)
    said = type_("status")
    assert (said.code, said.err) == (1, "the disk is full\n  make room\n")
    assert type_("status", "--json").json == {"error": "the disk is full", "hint": "make room"}


def test_what_should_not_happen_is_one_line_and_a_file_with_the_details(
    type_: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(status, "place_of", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said = type_("status")
    assert said.code == 1
    assert "ZeroDivisionError" in said.err
    assert "Traceback" not in said.err
    (log,) = tmp_path.glob("crossdock-error-*.log")
    assert "Traceback" in log.read_text()
    monkeypatch.setenv("CROSSDOCK_TRACEBACK", "1")
    assert "Traceback" in type_("status").err


def test_what_others_wrote_moves_no_cursor_and_is_no_markup(type_: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise CrossdockError("\x1b[2J[red]it[/red] said Authorization: Bearer abcdefghijklmnopqrstuvwx")

    monkeypatch.setattr(status, "place_of", fail)
    said = type_("status")
    assert "\x1b" not in said.err
    assert "[red]it[/red]" in said.err
    assert "abcdefghijklmnopqrstuvwx" not in said.err
    assert "abcdefghijklmnopqrstuvwx" not in json.dumps(type_("status", "--json").json)


def test_a_name_that_is_not_in_utf8_is_spelled_out(bare: Type, project: Path) -> None:
    odd = os.fsdecode(b"\xff.yaml")
    (project / "flows" / odd).touch()
    plainly, as_json = bare("check", "-p", str(project)), bare("check", "-p", str(project), "--json")
    assert (plainly.code, as_json.code) == (1, 1)
    assert "flows/\\udcff.yaml: " in plainly.out
    assert "flows/\\udcff.yaml" in {one["file"] for one in as_json.json["problems"]}
    assert bare("check", "-p", odd, "--json").json["problems"][0]["file"] == "\\udcff.yaml"


@pytest.mark.parametrize("group", ["holds", "dead-letters", "quarantine", "secrets"])
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_group_without_a_command_lists_its_rows(
    bare: Type, project: Path, monkeypatch: pytest.MonkeyPatch, group: str, words: tuple[str, ...]
) -> None:
    with Hub(project):
        pass  # it leaves a store behind
    monkeypatch.chdir(project)
    said = bare(group, *words)
    listed = bare(group, "list", *words)
    assert (said.code, said.out) == (0, listed.out)
    assert said.out.strip()
    assert bare(group, "--help").out.startswith(f"Usage: crossdock {group} [OPTIONS] COMMAND")


@pytest.mark.parametrize("words", [("--help",), ("sandbox", "--help"), ("--version",)])
def test_who_has_read_enough_ends_a_command_without_a_word(words: tuple[str, ...]) -> None:
    """As `| head -1` does."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run([sys.executable, "-m", "crossdock", *words], stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)
    assert ended.stderr == b""
    assert ended.returncode == 1
