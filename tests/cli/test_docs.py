"""docs/cli.md is held against the program."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from crossdock.cli.main import build

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
SHARED = {"--project", "-p", "--environment", "-e", "--json", "--help", "-h"}


def commands(group: Any, name: str = "crossdock") -> Iterator[tuple[str, Any]]:
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


ALL = dict(commands(typer.main.get_command(build())))


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_its_place_on_the_page(name: str) -> None:
    assert f"`{name}" in PAGE


def test_every_command_of_the_page_exists() -> None:
    for said in re.findall(r"`(crossdock [a-z][a-z -]*[a-z])", PAGE):
        assert any(said == name or said.startswith(f"{name} ") or name.startswith(said) for name in ALL), said


def test_every_option_is_on_the_page_and_every_one_of_the_page_exists() -> None:
    options = {
        option
        for name, command in ALL.items()
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("-") and name != "crossdock jq"
    } | SHARED
    told = set(re.findall(r"`?(--[a-z][a-z-]+)", PAGE))
    assert told <= options
    assert options - told - {"-p", "-e", "-h", "--browser", "--help"} == set()


@pytest.mark.parametrize("name", [name for name in ALL if name != "crossdock jq"])
def test_every_command_answers_machines(name: str) -> None:
    assert "--json" in {option for parameter in ALL[name].params for option in parameter.opts}


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_says_what_it_is(name: str) -> None:
    for parameter in ALL[name].params:
        if parameter.param_type_name == "option":
            assert parameter.help, f"{name} {parameter.name}"
