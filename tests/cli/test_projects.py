"""init, check, test: a project before anything runs."""

from pathlib import Path

import pytest

from crossdock.project.templates import TEMPLATES

from .conftest import Type


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_new_project_is_well_from_its_first_moment(bare: Type, tmp_path: Path, template: str) -> None:
    folder = str(tmp_path / "shop")
    made = bare("init", folder, "--template", template, "--json")
    assert made.code == 0
    assert "crossdock.yaml" in made.json["files"]
    checked = bare("check", "--project", folder, "--json")
    assert checked.code == 0, checked.out
    assert checked.json["ok"]
    assert checked.json["problems"] == []
    assert all(flow["guarantee"] and flow["why"] for flow in checked.json["flows"])
    tested = bare("test", "--project", folder, "--json")
    assert tested.code == 0, tested.out
    assert all(case["passed"] for case in tested.json["cases"])


def test_nothing_is_written_over(bare: Type, project: Path) -> None:
    before = (project / "crossdock.yaml").read_text()
    assert bare("init", str(project)).code == 2
    assert (project / "crossdock.yaml").read_text() == before


def test_a_folder_that_cannot_be_made_is_told_in_words(bare: Type, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = bare("init", str(tmp_path / "file" / "shop"))
    assert said.code == 2
    assert "cannot be made" in said.err


def test_check_names_file_line_and_what_to_do(type_: Type, project: Path) -> None:
    flow = project / "flows" / "person-to-contact.yaml"
    flow.write_text(flow.read_text().replace("action: upsert_contact", "acton: upsert_contact"))
    said = type_("check")
    assert said.code == 1
    assert "flows/person-to-contact.yaml:4:1" in said.out
    assert "action" in said.out
    as_json = type_("check", "--json").json
    assert not as_json["ok"]
    assert {"file", "line", "column", "what", "hint", "severity"} <= set(as_json["problems"][0])
    assert type_("run").code == 1
    assert type_("run", "--json").json["problems"]


def test_a_failing_case_says_how_it_differs(type_: Type, project: Path) -> None:
    chart = project / "maps" / "person-to-contact.jq"
    chart.write_text(chart.read_text().replace('"newsletter"', '"letters"'))
    said = type_("test")
    assert said.code == 1
    assert "FAILED cases/person-to-contact.yaml" in said.out
    assert "letters" in said.out
    assert type_("test", "put aside").code == 0
    assert type_("test", "no such case").code == 2


def test_jq_is_the_maps_own_language(bare: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": 1.10}'))
    said = bare("jq", "-c", ".a + 0.1")
    assert (said.code, said.out.strip()) == (0, "1.20")
    assert bare("jq", "--help").code == 0
    assert bare("jq", "-n", "nonsense(").code == 3


def test_who_makes_a_project_where_they_are_need_not_go_there(
    bare: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert bare("init", ".").out.splitlines()[-1] == "next: crossdock check && crossdock test"
    assert bare("init", "my hub").out.splitlines()[-1] == "next: cd 'my hub' && crossdock check && crossdock test"
