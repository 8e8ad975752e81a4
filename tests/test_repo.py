"""The habits of the repository, kept by a machine so that nobody has to remember them."""

import ast
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import crossdock
from crossdock.core.states import DeliveryState, MessageState

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "crossdock"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
NOT_OURS = {
    ".git",
    ".venv",
    ".venv-old",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    ".crossdock",
    "dist",
}

LONGEST_LINES = 450
LONG_FILES: dict[str, str] = {}
"""Path → why this file outside the tests may pass LONGEST_LINES."""


@pytest.fixture(scope="module")
def dev() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def files() -> Iterator[Path]:
    """Every file of the repository, and no cache or environment."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.endswith("cache__")]
        yield from (Path(folder) / name for name in names)


def text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


# ---- nothing of a machine ---------------------------------------------------------------------------------------


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    path = re.compile(r"(?<![\w.~-])/(?:root|home|Users)/\w")
    found = [
        f"{relative(file)}:{number}: {line.strip()[:80]}"
        for file in files()
        for number, line in enumerate(text_of(file).splitlines(), 1)
        if path.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_records_no_host_and_takes_only_hashed_wheels(lock: Path, dev: ModuleType) -> None:
    text = lock.read_text()
    assert not re.search(r"://|@ |--(?:extra-)?index-url|--find-links|--trusted-host|^-i\b|^-f\b", text, re.MULTILINE)
    requirements = [entry for entry in re.split(r"\n(?=\S)", text) if not entry.startswith(("#", "--"))]
    assert requirements
    for requirement in requirements:
        assert re.match(r"[a-z0-9.-]+==\S+", requirement), requirement[:60]
        assert "--hash=sha256:" in requirement, requirement[:60]
    options = [line for line in text.splitlines() if line.startswith("--")]
    exceptions = [f"--no-binary {name}" for name in dev.SOURCE_ONLY] if lock.name == "peers.txt" else []
    assert options == ["--only-binary :all:", *exceptions]


def test_the_locks_are_in_step_with_pyproject(dev: ModuleType) -> None:
    assert {lock.stem for lock in LOCKS} == set(dev.LOCKS)
    for lock in LOCKS:
        first = lock.read_text().partition("\n")[0]
        assert first == f"# from: {dev.requirements_digest()}", f"{relative(lock)} is behind: python3 dev.py lock"


# ---- what is imported is declared -------------------------------------------------------------------------------


def named(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def outside_imports(file: Path) -> Iterator[tuple[int, str, bool]]:
    """Line, top-level module, and whether it is imported only when needed (inside a function)."""
    tree = ast.parse(file.read_text(), str(file))
    later = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        else:
            continue
        for name in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"crossdock"}:
            yield node.lineno, name, id(node) in later


def test_every_library_that_is_imported_is_declared() -> None:
    project = PYPROJECT["project"]
    always = named(project["dependencies"])
    extras = named([one for extra in project["optional-dependencies"].values() for one in extra])
    tests = named([one for one in PYPROJECT["dependency-groups"]["dev"] if isinstance(one, str)])
    distributions = importlib.metadata.packages_distributions()
    found = []
    for file in sorted(SRC.rglob("*.py")):
        for line, module, later in outside_imports(file):
            names = {name.lower().replace("_", "-") for name in distributions.get(module, [module])}
            # the simulators are an extra as a whole: what they need may be imported at the top
            allowed = always | extras if later or file.is_relative_to(SRC / "sandbox") else always
            if file.is_relative_to(SRC / "testing" / "chaos" / "stateful"):  # is only run in a checkout
                allowed = allowed | tests
            if not names & allowed:
                cure = "be imported inside a function" if names & extras else "stand in [project.dependencies]"
                found.append(f"{relative(file)}:{line}: {module} must {cure}")
    assert not found, "\n".join(found)


# ---- sizes and names --------------------------------------------------------------------------------------------


def test_every_package_says_what_it_is_for() -> None:
    for folder in {file.parent for file in SRC.rglob("*.py")}:
        init = folder / "__init__.py"
        assert init.exists(), f"{relative(folder)} has no __init__.py"
        assert ast.get_docstring(ast.parse(init.read_text())), f"{relative(init)} says nothing"


def test_no_file_outside_the_tests_has_grown_into_two() -> None:
    lines = {
        relative(file): len(text_of(file).splitlines())
        for file in files()
        if file.suffix == ".py" and not file.is_relative_to(ROOT / "tests")
    }
    long = {path for path, count in lines.items() if count > LONGEST_LINES}
    assert long <= set(LONG_FILES), f"over {LONGEST_LINES} lines: {sorted(long - set(LONG_FILES))}"
    assert set(LONG_FILES) <= long, f"no longer long, take off the list: {sorted(set(LONG_FILES) - long)}"
    assert all(LONG_FILES.values())


def test_no_module_is_named_after_nothing() -> None:
    empty = {"manager", "helper", "helpers", "util", "utils", "common", "misc", "base2"}
    assert not [relative(file) for file in SRC.rglob("*.py") if set(file.stem.split("_")) & empty]


# ---- documents --------------------------------------------------------------------------------------------------


def test_decisions_are_numbered_without_gaps_and_begin_alike() -> None:
    notes = sorted(note for note in (ROOT / "docs" / "decisions").glob("*.md") if note.name != "README.md")
    assert notes
    for number, note in enumerate(notes, 1):
        assert re.fullmatch(rf"{number:04}-[a-z0-9-]+\.md", note.name), note.name
        title, status, *_ = note.read_text().splitlines()
        assert re.match(rf"# {number:04}\. \S", title), f"{note.name}: {title}"
        assert re.match(r"(?:Accepted, \d{4}-\d\d-\d\d\.|Replaced by \d{4}\.)", status), f"{note.name}: {status}"


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = []
    for document in files():
        if document.suffix != ".md":
            continue
        prose = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            path = target.partition("#")[0]
            if path and "://" not in path and not path.startswith("mailto:") and not (document.parent / path).exists():
                broken.append(f"{relative(document)}: {target}")
    assert not broken, "\n".join(broken)


def test_the_glossary_knows_every_state() -> None:
    states = (ROOT / "docs" / "glossary.md").read_text().partition("## States")[2]
    assert [state for state in [*MessageState, *DeliveryState] if f"*{state}*" not in states] == []


def test_ci_runs_the_commands_of_the_readme() -> None:
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    assert "python3 dev.py test" in readme
    assert "python3 dev.py test" in ci
    assert "python3 dev.py check" in ci


def test_the_licence_is_the_standard_text() -> None:
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def test_the_version_is_the_same_everywhere() -> None:
    assert PYPROJECT["project"]["version"] == crossdock.__version__
