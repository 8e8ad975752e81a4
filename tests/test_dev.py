"""dev.py, run as a person runs it: in a checkout of its own, here with a made-up environment that is quick to make."""

import ast
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


class Checkout:
    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "requirements").mkdir(parents=True)
        for lock in (ROOT / "requirements").glob("*.txt"):
            shutil.copy(lock, root / "requirements")
        for name in ("dev.py", "pyproject.toml"):
            shutil.copy(ROOT / name, root)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """With nothing on the PATH, so that nothing can be installed."""
        command = [sys.executable, "dev.py", *arguments]
        return subprocess.run(command, cwd=self.root, env={"PATH": ""}, capture_output=True, text=True, check=False)

    def make_ready(self) -> None:
        """As after a first run, with a `crossdock` that prints its arguments and exits with 7."""
        program = self.root / ".venv" / "bin" / "crossdock"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\nsys.exit(7)\n")
        program.chmod(0o755)
        (program.parent / "python").symlink_to(sys.executable)
        locks = {lock.stem: digest(lock) for lock in (self.root / "requirements").glob("*.txt")}
        stamp = {"root": str(self.root), "project": digest(self.root / "pyproject.toml"), **locks}
        (self.root / ".venv" / "crossdock-env.json").write_text(json.dumps(stamp))

    def load(self) -> ModuleType:
        spec = importlib.util.spec_from_file_location("dev_of_checkout", self.root / "dev.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "a checkout")


def test_a_ready_environment_hands_over_at_once_with_arguments_output_and_exit_code(checkout: Checkout) -> None:
    checkout.make_ready()
    done = checkout.run("demo", "--orders", "200", "--json")
    assert json.loads(done.stdout) == ["demo", "--orders", "200", "--json"]
    assert (done.returncode, done.stderr) == (7, "")


def test_an_environment_that_dev_py_did_not_make_is_left_alone(checkout: Checkout) -> None:
    kept = checkout.root / ".venv" / "somebodys-work"
    kept.parent.mkdir()
    kept.write_text("mine")
    done = checkout.run("test")
    assert done.returncode == 2
    assert "mv .venv .venv-old" in done.stderr
    assert kept.read_text() == "mine"


def change_a_lock(root: Path) -> None:
    with (root / "requirements" / "run.txt").open("a") as lock:
        lock.write("# changed\n")


def lose_python(root: Path) -> None:
    python = root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(root / "uninstalled")


@pytest.mark.parametrize(
    ("change", "reason"), [(change_a_lock, "requirements/run.txt changed"), (lose_python, "its Python is gone")]
)
def test_an_environment_that_no_longer_fits_is_made_again(
    checkout: Checkout, change: Callable[[Path], None], reason: str
) -> None:
    checkout.make_ready()
    change(checkout.root)
    dev = checkout.load()
    assert dev.why_remake(dev.read_stamp()) == reason


def test_a_moved_checkout_makes_its_environment_again(checkout: Checkout, tmp_path: Path) -> None:
    checkout.make_ready()
    checkout.root = checkout.root.rename(tmp_path / "moved")
    dev = checkout.load()
    assert dev.why_remake(dev.read_stamp()) == "the folder was moved"


def test_a_machine_that_can_make_no_environment_gets_the_one_line_to_type(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dev = checkout.load()
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(dev.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit) as stopped:
        dev.prepare(dev.TO_RUN)
    assert stopped.value.code == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.split() == ["sudo", "apt-get", "install", "-y", f"python3.{sys.version_info.minor}-venv"]
    assert not (checkout.root / ".venv").exists()


def test_a_way_that_fails_gives_way_to_the_next(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    dev = checkout.load()
    good = [sys.executable, "-c", f"import pathlib; pathlib.Path({str(dev.VENV)!r}).mkdir()"]
    ways = [("a broken way", [sys.executable, "-c", "raise SystemExit(1)"]), ("a good way", good)]
    monkeypatch.setattr(dev, "ways_to_make_venv", lambda: iter(ways))
    dev.make_venv()
    assert dev.VENV.is_dir()


def test_a_failed_installation_says_why_and_keeps_what_was_done(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.make_ready()
    dev = checkout.load()
    stamp = dev.read_stamp()
    dev.write_stamp({name: stamp[name] for name in ("root", "project", "build")})
    monkeypatch.setattr(dev, "installer", lambda: [sys.executable, "-c", "raise SystemExit('HASHES DO NOT MATCH')"])
    with pytest.raises(SystemExit) as stopped:
        dev.prepare(dev.TO_RUN)
    assert stopped.value.code == 2
    assert "HASHES DO NOT MATCH" in capsys.readouterr().err
    assert "build" in dev.read_stamp()
    assert "run" not in dev.read_stamp()


@pytest.mark.parametrize("arguments", [[], ["frobnicate"], ["bench", "frobnicate"], ["check", "--frobnicate"]])
def test_wrong_usage_is_told_on_stderr_with_exit_code_2(checkout: Checkout, arguments: list[str]) -> None:
    done = checkout.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "dev.py" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_python_can_read_dev_py_and_a_new_one_needs_nothing_more() -> None:
    tree = ast.parse((ROOT / "dev.py").read_text(), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= set(sys.stdlib_module_names)


def test_who_has_read_enough_of_its_help_ends_it_without_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run([sys.executable, str(ROOT / "dev.py"), "--help"], stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)
    assert ended.stderr == b""
