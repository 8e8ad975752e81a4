"""The tables of states, and the page that shows them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest

from crossdock.core.states import (
    DELIVERY_TRANSITIONS,
    MESSAGE_TRANSITIONS,
    OPEN,
    SETTLED,
    DeliveryState,
    MessageState,
)

PAGE = Path(__file__).parents[2] / "docs" / "states.md"


def shown(title: str) -> dict[str, list[str]]:
    section = PAGE.read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("|")][2:]
    return {before.strip(): [state.strip() for state in after.split(",") if state.strip()] for before, after in rows}


@pytest.mark.parametrize(("title", "table"), [("Message", MESSAGE_TRANSITIONS), ("Delivery", DELIVERY_TRANSITIONS)])
def test_the_page_shows_the_tables_as_they_are(title: str, table: dict[StrEnum, frozenset[StrEnum]]) -> None:
    assert shown(title) == {str(before): sorted(map(str, after)) for before, after in table.items()}


def test_every_state_has_a_row() -> None:
    assert set(DELIVERY_TRANSITIONS) == set(DeliveryState)
    assert set(MESSAGE_TRANSITIONS) == set(MessageState)


def test_final_is_final() -> None:
    assert all(not DELIVERY_TRANSITIONS[state] for state in SETTLED)


def test_no_open_delivery_is_stuck() -> None:
    """From every open state there is a way to the end, and one to a person."""
    for state in OPEN:
        reached, edge = {state}, {state}
        while edge:
            edge = {after for before in edge for after in DELIVERY_TRANSITIONS[before]} - reached
            reached |= edge
        assert {DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.HELD} <= reached
