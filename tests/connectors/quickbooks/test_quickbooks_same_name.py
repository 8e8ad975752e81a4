"""Two people of one name: adopted only where it is certain, never merged."""

from __future__ import annotations

from typing import Any

import pytest

from crossdock.connectors.quickbooks.actions.customer import _by_name
from crossdock.core.connector import Outbound

NAME = "Olu Adébáyọ̀"
RECORD: dict[str, Any] = {
    "Id": "7",
    "SyncToken": "0",
    "DisplayName": NAME,
    "BillAddr": {"PostalCode": "H2Y 1C6"},
}


def found(record: dict[str, Any], **customer: Any) -> bool:
    person = {"name": NAME, "addresses": [{"postal_code": "h2y1c6"}], **customer}
    item = Outbound(id="d", input=person, key="shop:1", seed="s", marker="xd0123456789abcdef")
    return _by_name([record], item, NAME) is not None


def test_a_customer_typed_by_hand_is_known_by_name_and_post_code() -> None:
    assert found(RECORD)


@pytest.mark.parametrize(
    "other",
    [
        {"Notes": "From shop:2 [xdfedcba9876543210]"},
        {"PrimaryPhone": {"FreeFormNumber": "+1 514 555 0199"}},
        {"PrimaryEmailAddr": {"Address": "somebody@else.example"}},
        {"BillAddr": {"PostalCode": "H3A 0G4"}},
        {"DisplayName": f"{NAME} junior"},
    ],
)
def test_another_person_of_the_same_name_is_left_alone(other: dict[str, Any]) -> None:
    assert not found({**RECORD, **other}, phone="+15145550029", email="olu@example.com")


@pytest.mark.parametrize(
    "known_by", [{"PrimaryPhone": {"FreeFormNumber": "514 555 0199"}}, {"PrimaryEmailAddr": {"Address": "p@x.example"}}]
)
def test_a_post_code_says_nothing_of_who_is_known_by_something_better(known_by: dict[str, Any]) -> None:
    assert not found({**RECORD, **known_by})


def test_the_hubs_own_mark_is_certain() -> None:
    assert found({**RECORD, "DisplayName": "Olu A.", "Notes": "From shop:1 [xd0123456789abcdef]"})
