from pathlib import Path

import pytest

from crossdock.core.errors import UsageError
from crossdock.project import check_project, load_project
from crossdock.project.templates import TEMPLATES, write_template
from crossdock.testing.cases import run_cases


@pytest.fixture(params=sorted(TEMPLATES))
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "Joanna's Shop"
    write_template(request.param, path)
    return path


@pytest.mark.parametrize("environment", ["sandbox", "production"])
def test_a_template_passes_its_check_as_it_is(folder: Path, environment: str) -> None:
    checked = check_project(folder, environment)
    assert [str(problem) for problem in checked.errors] == []
    assert checked.project is not None
    assert checked.project.landscape.name == "joanna-s-shop"


def test_every_flow_of_a_template_has_a_case_and_all_cases_hold(folder: Path) -> None:
    project = load_project(folder)
    assert {case.said.flow for case in project.cases} >= set(project.landscape.flows)
    assert {result.name: result.failures for result in run_cases(project) if not result.passed} == {}


def test_every_flow_of_a_template_happens_once(folder: Path) -> None:
    for report in load_project(folder).reports:
        assert report.guarantee.startswith("once"), report


def test_the_shop_writes_what_the_shop_is_about(tmp_path: Path) -> None:
    write_template("shop", tmp_path)
    flows = load_project(tmp_path).landscape.flows.values()
    assert {(flow.connection, flow.action.name) for flow in flows} == {
        ("quickbooks", "upsert_customer"),
        ("quickbooks", "upsert_invoice"),
        ("quickbooks", "void_invoice"),
        ("quickbooks", "record_payment"),
        ("quickbooks", "record_refund"),
        ("hubspot", "upsert_contact"),
        ("hubspot", "upsert_deal"),
    }


def test_what_is_there_is_never_written_over(folder: Path) -> None:
    (folder / "crossdock.yaml").write_text("name: mine\n")
    with pytest.raises(UsageError, match="is there already"):
        write_template("blank", folder)
    assert (folder / "crossdock.yaml").read_text() == "name: mine\n"


def test_a_template_that_there_is_not_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no template 'shpo'") as error:
        write_template("shpo", tmp_path)
    assert error.value.hint == "did you mean shop?"


@pytest.mark.parametrize(("name", "hub"), [("42", "hub-42"), ("Ünï 7", "n-7"), ("a" * 90, "a" * 63), ("-- --", "hub")])
def test_any_folder_gives_a_hub_its_name(tmp_path: Path, name: str, hub: str) -> None:
    write_template("blank", tmp_path / name)
    assert load_project(tmp_path / name).landscape.name == hub
