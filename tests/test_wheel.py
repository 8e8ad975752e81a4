"""What is published works without the checkout: the wheel holds the templates, maps, schemas and tables it needs."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment with the wheel, and with the libraries of this one: the checkout is not among them."""
    folder = tmp_path_factory.mktemp("installed")
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(built, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("crossdock-*.whl")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(site)], check=True)
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture
def run(python: Path, tmp_path: Path) -> Run:
    """Types a command in an empty folder."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CROSSDOCK"))}

    def typed(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [python, "-m", "crossdock", *words]
        return subprocess.run(command, cwd=tmp_path, env=outside, text=True, capture_output=True, timeout=100, **more)  # type: ignore[call-overload,no-any-return]

    return typed


def test_it_is_the_wheel_that_is_tried(python: Path) -> None:
    said = subprocess.run(
        [python, "-I", "-c", "import crossdock; print(crossdock.__file__)"], capture_output=True, text=True
    )
    assert Path(said.stdout.strip()).is_relative_to(python.parents[1])


def test_a_project_is_made_checked_and_tried(run: Run) -> None:
    for template, flows in (("shop", 7), ("blank", 1)):
        assert run("init", template, "--template", template).returncode == 0
        assert len(json.loads(run("check", "-p", template, "--json").stdout)["flows"]) == flows
        tried = json.loads(run("test", "-p", template, "--json").stdout)
        assert tried["ok"]
        assert tried["cases"]


def test_a_map_runs(run: Run) -> None:
    assert run("jq", "-c", "[.a | map(. * 2.50) | add, ascii_downcase?]", input='{"a": [1, 2]}').stdout == "[7.50]\n"


def test_the_simulators_start_and_stop(python: Path, tmp_path: Path) -> None:
    command = [python, "-m", "crossdock", "sandbox", "shopify", "quickbooks", "hubspot", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        lines = [json.loads(served.stdout.readline()) for _ in range(3)]
        served.send_signal(signal.SIGINT)
        assert served.wait(20) == 0
    assert [line["name"] for line in lines] == ["shopify", "quickbooks", "hubspot"]


def test_the_demo_runs(run: Run) -> None:
    said = run("demo", "--orders", "10", "--exit", "--json")
    told = json.loads(said.stdout.splitlines()[-1])
    assert (said.returncode, told["lost"], told["doubled"], told["cents_off"], told["unsettled"]) == (0, 0, 0, 0, 0)
    assert told["invoices"] == 10
