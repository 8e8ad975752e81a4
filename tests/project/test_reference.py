"""The page of every file and key, held to what is read."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from crossdock.project import check_project
from crossdock.project.case_files import CasePart
from crossdock.project.duration import seconds, shown
from crossdock.project.explain import branches
from crossdock.project.files import ConnectionFile, FlowFile, HubFile
from crossdock.project.reference import filled
from crossdock.project.templates import write_template

PAGE = Path(__file__).parents[2] / "docs" / "project.md"


def test_the_page_says_what_the_models_say() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert filled(text) == text, "bring it up to date: python -m crossdock.project.reference docs/project.md"


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for branch in branches(field.annotation):
            for kind in (branch, *getattr(branch, "__args__", ())):
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    yield from models(kind)


@pytest.mark.parametrize("file", [HubFile, ConnectionFile, FlowFile, CasePart])
def test_every_key_is_described_with_an_example(file: type[BaseModel]) -> None:
    for model in models(file):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
            assert field.examples, f"{model.__name__}.{name}"
        assert model.model_config.get("extra") == "forbid"
        assert model.model_config.get("frozen")
        assert model.model_config.get("hide_input_in_errors")


def test_the_examples_of_the_page_are_read(tmp_path: Path) -> None:
    """Those of files, put into the shop: they are in form, whatever they then lack."""
    write_template("shop", tmp_path)
    page = PAGE.read_text(encoding="utf-8")
    for heading, file in (("crossdock.yaml", "crossdock.yaml"), ("flows/NAME.yaml", "flows/order-to-invoice.yaml")):
        section = page.partition(f"## {heading}")[2]
        example = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
        assert example is not None
        (tmp_path / file).write_text(example[1])
    assert [str(problem) for problem in check_project(tmp_path).errors] == []


@pytest.mark.parametrize(
    ("text", "value"),
    [("500ms", 0.5), ("2s", 2.0), ("15m", 900.0), ("1.5h", 5400.0), ("90d", 7_776_000.0), ("0s", 0.0)],
)
def test_durations_are_a_number_and_a_unit(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    "text", ["15", "m", "-1s", "1 year", "1h30m", "٣s", "9" * 30 + "d", "99999999d", 15, None, True]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"number and its unit|hundred years"):
        seconds(text)


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "500ms"), (90.0, "90s"), (3600.0, "1h"), (86_400.0, "1d"), (0.0, "0s")]
)
def test_durations_are_shown_as_they_are_written(value: float, text: str) -> None:
    assert shown(value) == text
