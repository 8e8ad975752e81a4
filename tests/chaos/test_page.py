"""docs/guarantees.md is held against the suite."""

from __future__ import annotations

import re
from pathlib import Path

from crossdock.testing.chaos.campaigns import CAMPAIGNS
from crossdock.testing.chaos.planted import PLANTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()


def test_every_campaign_has_its_row_and_every_row_its_campaign() -> None:
    assert set(re.findall(r"^\| \*\*(F\d+P?)\*\* \|", PAGE, re.MULTILINE)) == set(CAMPAIGNS)


def test_every_test_that_the_page_names_is_there() -> None:
    texts = [file.read_text() for file in (ROOT / "tests").rglob("*.py")]
    for name in re.findall(r"`(test_\w+)`", PAGE):
        assert any(f"def {name}(" in text for text in texts), name
    for path in re.findall(r"`(tests/[\w/]+\.py)`", PAGE):
        assert (ROOT / path).exists(), path


def test_the_page_tells_how_many_bugs_are_planted() -> None:
    assert f"{len(PLANTS)} of {len(PLANTS)}" in PAGE
