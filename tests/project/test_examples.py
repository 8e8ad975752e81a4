"""Every project in examples/ is what a newcomer copies: it is well, and its cases show that it does what it says."""

import re
from pathlib import Path

import pytest

from crossdock.project import ENVIRONMENTS, check_project, load_project
from crossdock.testing.cases import run_cases

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path.parent for path in EXAMPLES.glob("*/crossdock.yaml"))


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_example_is_well_in_every_environment(folder: Path, environment: str) -> None:
    checked = check_project(folder, environment)
    assert [str(problem) for problem in checked.problems] == []


def test_everything_that_an_example_does_has_a_case_and_all_cases_hold(folder: Path) -> None:
    project = load_project(folder)
    assert {result.name: result.failures for result in run_cases(project) if not result.passed} == {}
    assert {case.said.flow for case in project.cases} >= set(project.landscape.flows)
    coming = {name for name, connection in project.landscape.connections.items() if connection.inlets}
    assert {case.said.connection for case in project.cases} >= coming


def test_an_example_says_what_is_worth_copying_and_its_links_lead_somewhere(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert "worth copying" in text
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    assert [link for link in links if not (folder / link).exists()] == []


def test_the_list_of_examples_is_whole() -> None:
    listed = re.findall(r"\]\(([\w-]+)/\)", (EXAMPLES / "README.md").read_text())
    assert sorted(listed) == [folder.name for folder in FOLDERS]
    assert len(FOLDERS) >= 2
