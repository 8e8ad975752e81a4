"""What HubSpot tells, in the words of the models."""

from __future__ import annotations

from typing import Any

import pytest

from crossdock.connectors.hubspot.actions.batch import version_of
from crossdock.connectors.hubspot.connector import HubSpotConnector
from crossdock.connectors.hubspot.settings import HubSpotSettings
from crossdock.mapping.map import compile_map
from crossdock.models import load_models

CONTACT = {
    "id": "501",
    "createdAt": "2026-11-03T14:12:44.123Z",
    "updatedAt": "2026-11-04T14:12:44.100Z",
    "properties": {
        "email": "ada@example.com", "firstname": "Ada", "lastname": "", "phone": "514 555 0100", "company": None,
        "address": "12 Rue Sherbrooke", "city": "Montréal", "state": "Quebec", "zip": "H2X 1X4", "country": "Canada",
    },
}  # fmt: skip
DEAL = {
    "id": "90210",
    "createdAt": "2026-11-03T14:13:01.412Z",
    "updatedAt": "2026-11-03T14:13:01.412Z",
    "properties": {
        "dealname": "Shop order #2044", "amount": "92.66", "deal_currency_code": "CAD", "dealstage": "closedwon",
        "pipeline": "default", "closedate": "2026-11-03T14:12:43Z", "hs_is_closed_won": "true", "hs_is_closed": "true",
    },
}  # fmt: skip


def run(topic: str, record: Any) -> Any:
    maps = HubSpotConnector(HubSpotSettings()).maps
    (event,) = compile_map(maps[topic], name=topic, key_of=lambda _, id_: f"hubspot:{id_}").run(record)
    return event


@pytest.mark.parametrize(
    ("topic", "record"),
    [
        ("contact.propertyChange", CONTACT),
        ("contact.creation", {**CONTACT, "properties": {"email": None}}),
        ("deal.creation", DEAL),
        ("deal.creation", {**DEAL, "properties": {"dealstage": "142300101", "closedate": "2026-12-01T00:00:00Z"}}),
    ],
    ids=["contact", "contact without anything", "deal", "open deal"],
)
def test_each_record_is_a_valid_instance_of_its_model(topic: str, record: Any) -> None:
    event = run(topic, record)
    assert not load_models().get(event["model"]).problems(event["data"]), event


def test_a_contact_is_read_with_its_number_and_country() -> None:
    event = run("contact.propertyChange", CONTACT)
    assert (event["verb"], event["version"]) == ("updated", "2026-11-04T14:12:44.1Z")
    assert event["data"]["phone"] == "+15145550100"
    assert event["data"]["addresses"][0]["country"] == "CA"


def test_a_won_deal_has_its_day_and_its_worth() -> None:
    event = run("deal.creation", DEAL)
    assert event["data"]["stage"] == "won"
    assert event["data"]["amount"] == {"amount": "92.66", "currency": "CAD"}
    assert event["data"]["closed_at"] == "2026-11-03T14:12:43Z"


@pytest.mark.parametrize("stamp", ["2026-11-04T14:12:44.100Z", "2026-11-04T14:12:44.000Z", "2026-11-04T14:12:44.123Z"])
def test_the_version_of_a_receipt_is_that_of_the_event_it_comes_back_as(stamp: str) -> None:
    assert version_of({"updatedAt": stamp}) == run("contact.creation", {**CONTACT, "updatedAt": stamp})["version"]
