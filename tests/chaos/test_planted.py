"""A suite that does not find known bugs is not worth its green."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import crossdock
from crossdock.testing.chaos.command import MOST_SEEDS
from crossdock.testing.chaos.planted import LATER, PLANTS

SRC = Path(crossdock.__file__).parent


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found_as_what_it_is(name: str) -> None:
    assert PLANTS[name].caught(range(MOST_SEEDS)) is not None


def test_thirteen_bugs_are_planted_and_two_are_to_come() -> None:
    assert len(PLANTS) == 13
    assert set(LATER.values()) == {"access", "two-phase"}


def test_only_the_suite_knows_of_planted_bugs() -> None:
    """No module of the product imports them, and nothing in the environment turns them on."""
    for file in SRC.rglob("*.py"):
        if file.is_relative_to(SRC / "testing" / "chaos"):
            assert "os.environ" not in file.read_text(), file
            assert "getenv" not in file.read_text(), file
            continue
        names = [
            alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        ]
        assert not [name for name in names if "testing.chaos" in name], file
