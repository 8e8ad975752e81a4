"""A worker goes by the same name in every life, and no two by one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossdock.cli import names
from crossdock.cli.names import Name

HOLD = (
    "import sys; from pathlib import Path; from crossdock.cli.names import Name;"
    "name = Name(Path(sys.argv[1]), 'production'); print(name.text, flush=True); sys.stdin.read()"
)


@contextlib.contextmanager
def held_elsewhere(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """(a process that goes by the folder's name, that name)."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()


def of(folder: Path, environment: str = "production") -> str:
    with Name(folder, environment) as name:
        return name.text


def test_the_next_life_has_the_same_name_also_after_a_kill(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as (process, name):
        process.kill()
    assert of(tmp_path) == of(tmp_path) == name


def test_whoever_runs_meanwhile_has_another(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as (_, name):
        assert len({name, of(tmp_path), of(tmp_path), of(tmp_path, "staging")}) == 4
    assert of(tmp_path) == name


def test_a_name_is_taken_while_a_process_that_it_was_handed_to_lives(tmp_path: Path) -> None:
    """A parent that was killed is started again before its workers have ended."""
    with Name(tmp_path, "production") as name:
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=name.locks)
    with child:
        assert of(tmp_path) != name.text
    assert of(tmp_path) == name.text


def test_a_copy_of_the_folder_beside_it_is_another_hub(tmp_path: Path) -> None:
    with Name(tmp_path / "one", "production") as name:
        shutil.copytree(tmp_path / "one", tmp_path / "two")
        assert of(tmp_path / "two") == of(tmp_path / "two") != name.text


@pytest.mark.parametrize("what", ["another start of the machine", "another machine"])
def test_a_copy_of_the_folder_is_another_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    name = of(tmp_path)
    if what == "another machine":
        monkeypatch.setattr(names.socket, "gethostname", lambda: "elsewhere")
    else:
        boot = tmp_path / "boot_id"
        boot.write_text("b00t\n")
        monkeypatch.setattr(names, "BOOT", boot)
    assert of(tmp_path).rpartition(":")[2] != name.rpartition(":")[2]


@pytest.mark.parametrize("said", ["", "nonsense", "\x00" * 200])
def test_a_spoilt_file_gives_a_new_name(tmp_path: Path, said: str) -> None:
    name = of(tmp_path)
    file = tmp_path / ".crossdock" / "production.name"
    file.write_text(said)
    assert of(tmp_path) != name
    assert of(tmp_path) == of(tmp_path)


def test_a_folder_that_cannot_be_written_gives_a_name_for_one_life(tmp_path: Path) -> None:
    (tmp_path / ".crossdock").write_text("in the way")
    assert of(tmp_path) != of(tmp_path)


def test_its_file_is_its_owners_alone(tmp_path: Path) -> None:
    of(tmp_path)
    assert os.stat(tmp_path / ".crossdock" / "production.name").st_mode & 0o777 == 0o600  # noqa: PTH116
