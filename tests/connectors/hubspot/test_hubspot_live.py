"""Contacts and deals in the strict simulator, over a socket."""

from __future__ import annotations

from typing import Any

from crossdock.connectors.hubspot.connector import HubSpotConnector
from crossdock.connectors.hubspot.settings import HubSpotSettings
from crossdock.core.connector import Connector, Outbound
from crossdock.core.secret import Credential, Secret
from crossdock.sandbox.simulator import Simulator

ADA = {
    "name": "Ada Byron",
    "first_name": "Ada",
    "last_name": "Byron",
    "email": "Ada@Example.com",
    "phone": "+15145550100",
    "addresses": [{"line1": "12 Rue Sherbrooke", "city": "Montréal", "region": "Quebec", "country": "CA"}],
}
DEAL = {
    "name": "Shop order #2044",
    "stage": "won",
    "amount": {"amount": "92.66", "currency": "CAD"},
    "closed_at": "2026-11-03T14:12:43Z",
}


def build(simulator: Simulator) -> tuple[Connector, Credential]:
    said = simulator.credentials()
    connector = HubSpotConnector(HubSpotSettings(base_url=simulator.url, portal=said["portal_id"]))
    return connector, Credential({name: Secret(value) for name, value in said.items()})


def outbound(value: Any, key: str, **fields: Any) -> Outbound:
    return Outbound(key, value, key, f"seed {key}", "xd1", **fields)


async def test_contacts_are_made_once_whatever_the_spelling_of_their_address(start_live: Any) -> None:
    live = await start_live("hubspot", build)
    action = live.connector.actions["upsert_contact"]
    first = await live.do(action, outbound(ADA, "shopify:1"))
    again = await live.do(action, outbound({**ADA, "email": "ada@example.COM"}, "shopify:guest-2"))
    assert again.remote_id == first.remote_id
    (contact,) = live.simulator.list("contacts")
    assert contact["properties"]["email"] == "ada@example.com"


async def test_the_hubs_property_is_made_when_the_account_lacks_it(start_live: Any) -> None:
    live = await start_live("hubspot", build)
    nobody = {"name": "Guest 5310000000123"}
    action = live.connector.actions["upsert_contact"]
    first = await live.do(action, outbound(nobody, "shopify:guest-1"))
    again = await live.do(action, outbound(nobody, "shopify:guest-1"))
    assert first.remote_id == again.remote_id
    assert "contacts.property.make" in [call.step for call in live.sent]


async def test_a_deal_is_made_once_and_tied_to_its_contact(start_live: Any) -> None:
    live = await start_live("hubspot", build)
    contact = await live.do(live.connector.actions["upsert_contact"], outbound(ADA, "shopify:1"))
    action = live.connector.actions["upsert_deal"]
    needs = {"customer": contact.remote_id}
    first = await live.do(action, outbound(DEAL, "shopify:5310", needs=needs))
    again = await live.do(action, outbound({**DEAL, "stage": "lost"}, "shopify:5310", needs=needs))
    linked = await live.do(action, outbound(DEAL, "shopify:5310", remote_id=first.remote_id, needs=needs))
    assert first.remote_id == again.remote_id == linked.remote_id
    (deal,) = live.simulator.list("deals")
    assert deal["properties"]["amount"] == "92.66"
    assert deal["properties"]["dealstage"] == "closedwon"
    assert [call.step for call in live.sent].count("deals.contacts") == 3


async def test_one_bad_contact_harms_no_other_of_its_batch(start_live: Any) -> None:
    live = await start_live("hubspot", build)
    items = [
        outbound(ADA, "a"),
        outbound({"name": "B", "email": "b@nowhere"}, "b"),
        outbound({**ADA, "email": "c@x.org"}, "c"),
    ]
    receipts = await live.run(live.connector.actions["upsert_contact"].perform(items))
    assert set(receipts) == {"a", "c"}
    assert len(live.simulator.list("contacts")) == 2


async def test_records_are_hydrated_with_what_the_maps_read(start_live: Any) -> None:
    live = await start_live("hubspot", build)
    contact = await live.do(live.connector.actions["upsert_contact"], outbound(ADA, "shopify:1"))
    records = await live.run(live.connector.hydrates["contact"].fetch({"p": contact.remote_id, "q": "1"}))
    assert list(records) == ["p"]
    assert records["p"]["properties"]["city"] == "Montréal"


async def test_limits_are_learned_from_every_answer(start_live: Any) -> None:
    live = await start_live("hubspot", build)
    await live.do(live.connector.actions["upsert_contact"], outbound(ADA, "shopify:1"))
    call = live.sent[-1]
    answer = await live.exchange(live.connector.sign(call.request, live.credential, 0.0, "n"))
    assert {budget.name for budget in live.connector.learn(call, answer)} >= {"requests"}
