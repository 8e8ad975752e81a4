"""docs/guarantees.md is held against the suite."""

from __future__ import annotations

import math
import re
from pathlib import Path

from crossdock.core.transport import STRAY_S
from crossdock.engine.leases import LEASE_S, RENEW_S
from crossdock.testing.chaos.campaigns import CAMPAIGNS
from crossdock.testing.chaos.planted import PLANTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()
WORKERS = (ROOT / "docs" / "workers.md").read_text()


def test_every_campaign_has_its_row_and_every_row_its_campaign() -> None:
    assert set(re.findall(r"^\| \*\*(F\d+[LP]?)\*\* \|", PAGE, re.MULTILINE)) == set(CAMPAIGNS)


def test_every_test_that_the_page_names_is_there() -> None:
    texts = [file.read_text() for file in (ROOT / "tests").rglob("*.py")]
    for name in re.findall(r"`(test_\w+)`", PAGE):
        assert any(f"def {name}(" in text for text in texts), name
    for path in re.findall(r"`(tests/[\w/]+\.py)`", PAGE):
        assert (ROOT / path).exists(), path


def test_the_page_tells_how_many_bugs_are_planted() -> None:
    assert f"{len(PLANTS)} of {len(PLANTS)}" in PAGE


def test_both_pages_tell_how_soon_a_dead_worker_is_followed_as_it_is_in_the_code() -> None:
    followed = f"within {math.ceil(LEASE_S + RENEW_S)} s"
    for page in (PAGE, WORKERS):
        assert followed in page
        assert f"every {RENEW_S:g} s" in page
    assert f"the flow's `timeout` and {STRAY_S:g} s" in PAGE
    assert f"the flow's `timeout` and {STRAY_S:g} s" in WORKERS
    assert f"lease lasts {LEASE_S:g} s" in WORKERS
