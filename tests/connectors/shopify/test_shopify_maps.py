"""A shop's whole life through the maps: valid, to the cent, and the same by whichever way it is seen."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from crossdock.connectors.shopify.connector import ShopifyConnector
from crossdock.connectors.shopify.settings import ShopifySettings
from crossdock.core.connector import Call
from crossdock.core.json import canonical, decode, encode
from crossdock.core.verdict import Done
from crossdock.mapping.map import Map, compile_map
from crossdock.models import load_models
from crossdock.sandbox.catalogue import make
from crossdock.sandbox.shopify.access import DEFAULT_SCOPES, Access
from crossdock.sandbox.shopify.app import ShopifySimulator
from crossdock.sandbox.shopify.bucket import Bucket
from crossdock.sandbox.shopify.execute import Asked, answer
from crossdock.sandbox.shopify.graph import Graph
from crossdock.sandbox.shopify.trade import trade

ORDERS = 60
TOPICS = {"order": "orders", "customer": "customers", "product": "products"}


@pytest.fixture(scope="module")
def shop() -> ShopifySimulator:
    simulator = make("shopify", seed=3)
    assert isinstance(simulator, ShopifySimulator)
    life = trade(ORDERS, seed=3)
    simulator.seed({"changes": list(life.setup)})
    for step in life.steps:
        simulator.seed({"changes": [step.change]})
    return simulator


@pytest.fixture(scope="module")
def connector() -> ShopifyConnector:
    return ShopifyConnector(ShopifySettings(shop="joannas-shop.myshopify.com", currency="CAD"))


@pytest.fixture(scope="module")
def maps(connector: ShopifyConnector) -> dict[str, Map]:
    topics = ("orders/updated", "orders/read", "customers/update", "customers/read", "products/update", "products/read")
    return {
        topic: compile_map(connector.maps[topic], name=topic, key_of=lambda model, id_: f"shopify:{id_}")
        for topic in topics
    }


def read(shop: ShopifySimulator, connector: ShopifyConnector, kind: str, ids: list[str]) -> list[Any]:
    """The records as GraphQL tells them, by the connector's own documents and over its own code."""
    steps = connector.hydrates[kind].fetch({id_: id_ for id_ in ids})
    answer: Any = None
    while True:
        try:
            call = steps.send(answer)
        except StopIteration as stop:
            return [stop.value[id_] for id_ in ids]
        assert isinstance(call, Call)
        answer = Done(ask(shop, call))


def ask(shop: ShopifySimulator, call: Call) -> Any:
    body = decode(call.request.body)
    graph = Graph(shop.shop, Access(frozenset(DEFAULT_SCOPES)), shop.clock.civil(), shop.clock() + 100, "2026-07")
    found = answer(Asked(body["query"], body["variables"], None), graph, Bucket(filled_at=0.0), 0.0, 1.0)
    assert "errors" not in found, found["errors"]
    return decode(encode(found["data"]))


def both(
    shop: ShopifySimulator, connector: ShopifyConnector, maps: dict[str, Map], kind: str
) -> Iterator[tuple[list[Any], list[Any]]]:
    """(events by webhook, events by read) of every record of the kind."""
    told = decode(encode(shop.list(TOPICS[kind])))
    for start in range(0, len(told), 10):
        chunk = told[start : start + 10]
        records = read(shop, connector, kind, [str(body["id"]) for body in chunk])
        for body, record in zip(chunk, records, strict=True):
            yield (
                maps[f"{TOPICS[kind]}/update{'d' * (kind == 'order')}"].run(body),
                maps[f"{TOPICS[kind]}/read"].run(record),
            )


@pytest.mark.parametrize("kind", ["order", "customer", "product"])
def test_a_fact_is_the_same_event_by_webhook_and_by_read(
    shop: ShopifySimulator, connector: ShopifyConnector, maps: dict[str, Map], kind: str
) -> None:
    seen = 0
    for by_webhook, by_read in both(shop, connector, maps, kind):
        shared = [event for event in by_read if event["model"] in {"order", "customer", "product"}]
        assert [canonical(event) for event in by_webhook] == [canonical(event) for event in shared]
        seen += 1
    assert seen >= 10


@pytest.mark.parametrize("kind", ["order", "customer", "product"])
def test_every_event_is_a_valid_instance_of_its_model(
    shop: ShopifySimulator, connector: ShopifyConnector, maps: dict[str, Map], kind: str
) -> None:
    models = load_models()
    for by_webhook, by_read in both(shop, connector, maps, kind):
        for event in (*by_webhook, *by_read):
            problems = models.get(event["model"]).problems(decode(canonical(event["data"])))
            assert not problems, (event, problems)
            assert event["version"].endswith("Z")
            assert isinstance(event["id"], str)


def test_orders_payments_and_refunds_agree_with_the_shops_own_books(
    shop: ShopifySimulator, connector: ShopifyConnector, maps: dict[str, Map]
) -> None:
    books = {str(entry["id"]): entry for entry in shop.list("books")}
    edited = 0
    for _, events in both(shop, connector, maps, "order"):
        (order,) = (event for event in events if event["model"] == "order")
        entry, data = books[order["id"]], order["data"]
        edited += entry["edited"]
        assert money(data["total"]) == Decimal(entry["billed"])
        assert money(data["tax_total"]) == Decimal(entry["billed_tax"])
        assert money(data["paid_total"]) == Decimal(entry["paid"])
        assert money(data["refunded_total"]) == Decimal(entry["refunded"])
        parts = [line["total"] for line in data["lines"]] + [line["total"] for line in data["shipping_lines"]]
        lines = sum((money(part) for part in parts), Decimal(0)) + money(data["rounding"]) + money(data["tip_total"])
        assert lines + (0 if data["taxes_included"] else money(data["tax_total"])) == money(data["total"])
        assert money(data["rounding"]) == 0, "every cent is explained by a line"
        payments = {event["id"]: money(event["data"]["amount"]) for event in events if event["model"] == "payment"}
        assert payments == {str(part["id"]): Decimal(part["amount"]) for part in entry["payments"]}
        refunds = {event["id"]: money(event["data"]["amount"]) for event in events if event["model"] == "refund"}
        assert refunds == {str(part["id"]): Decimal(part["amount"]) for part in entry["given_back"]}
        for event in events:
            if event["model"] in {"payment", "refund"}:
                assert event["partition"] == {"model": "order", "id": order["id"]}
            if event["model"] == "refund":
                assert adds_up(event["data"])
    assert edited


def adds_up(refund: Any) -> bool:
    whole = sum((money(line["amount"]) for line in refund["lines"]), Decimal(0))
    whole += money(refund["shipping"]) + money(refund["adjustment"])
    return whole + (0 if refund["taxes_included"] else money(refund["tax_total"])) == money(refund["amount"])


def money(value: Any) -> Decimal:
    return Decimal(value["amount"])


# --- single traps -----------------------------------------------------------------------------------------------

ORDER: dict[str, Any] = {
    "id": 5310000000123,
    "name": "#2044",
    "created_at": "2026-11-03T09:12:44-05:00",
    "processed_at": "2026-11-03T09:12:43-05:00",
    "updated_at": "2026-11-03T09:12:46-05:00",
    "cancelled_at": None,
    "email": "",
    "phone": None,
    "customer": None,
    "currency": "CAD",
    "taxes_included": False,
    "test": False,
    "financial_status": "pending",
    "fulfillment_status": None,
    "tags": "vip, , b2b",
    "subtotal_price": "72.00",
    "total_tax": "10.66",
    "total_price": "92.66",
    "current_subtotal_price": "72.00",
    "current_total_tax": "10.66",
    "current_total_price": "92.66",
    "total_outstanding": "92.66",
    "total_price_set": {"presentment_money": {"amount": "66.19", "currency_code": "USD"}},
    "discount_codes": [{"code": "TEN", "amount": "8.00", "type": "percentage"}],
    "line_items": [
        {
            "id": 1450001,
            "sku": "MUG-1",
            "title": "Mug",
            "quantity": 4,
            "current_quantity": 4,
            "price": "20.00",
            "total_discount": "0.00",
            "taxable": True,
            "gift_card": False,
            "variant_id": 4001,
            "tax_lines": [{"title": "HST", "rate": Decimal("0.13"), "price": "9.36"}],
            "discount_allocations": [{"amount": "8.00", "discount_application_index": 0}],
        }
    ],
    "shipping_lines": [
        {
            "id": 77,
            "title": "Ground",
            "code": "GRND",
            "price": "10.00",
            "discounted_price": "10.00",
            "is_removed": False,
            "tax_lines": [{"title": "HST", "rate": Decimal("0.13"), "price": "1.30"}],
        }
    ],
    "refunds": [],
    "billing_address": None,
    "shipping_address": None,
}


def run(maps: dict[str, Map], **changed: Any) -> dict[str, Any]:
    return {event["model"]: event for event in maps["orders/updated"].run({**ORDER, **changed})}


def test_a_pending_order_makes_no_payment_and_its_guest_has_a_name(maps: dict[str, Map]) -> None:
    events = run(maps)
    assert set(events) == {"order", "customer"}
    assert events["customer"]["id"] == "guest-5310000000123"
    assert events["customer"]["data"]["name"] == "Guest 5310000000123"
    assert events["order"]["data"]["customer"]["key"] == "shopify:guest-5310000000123"
    (line,) = events["order"]["data"]["lines"]
    assert line["discount"] == {"amount": "8.00", "currency": "CAD"}
    assert line["total"] == {"amount": "72.00", "currency": "CAD"}
    assert events["order"]["data"]["presentment_total"] == {"amount": "66.19", "currency": "USD"}
    assert events["order"]["data"]["placed_at"] == "2026-11-03T14:12:43Z"
    assert events["order"]["data"]["tags"] == ["b2b", "vip"]


def test_what_the_order_says_later_does_not_make_its_guest_a_new_one(maps: dict[str, Map]) -> None:
    first = run(maps)["customer"]
    later = run(maps, updated_at="2026-11-09T09:00:00-05:00", financial_status="paid")["customer"]
    assert first == later


def test_a_deleted_variant_a_blank_sku_and_an_unreadable_phone_harm_nothing(maps: dict[str, Map]) -> None:
    line = {**ORDER["line_items"][0], "variant_id": None, "sku": " "}
    data = run(maps, line_items=[line], phone="call me")["order"]["data"]
    assert "product" not in data["lines"][0]
    assert "sku" not in data["lines"][0]
    assert "phone" not in data


def test_an_id_beyond_what_a_float_can_hold_keeps_its_digits(maps: dict[str, Map]) -> None:
    assert run(maps, id=9007199254740993)["order"]["id"] == "9007199254740993"


def test_yen_have_no_cents(maps: dict[str, Map]) -> None:
    line = {
        **ORDER["line_items"][0],
        "price": "2000",
        "discount_allocations": [],
        "tax_lines": [],
        "quantity": 1,
        "current_quantity": 1,
    }
    sums = dict.fromkeys(("current_subtotal_price", "current_total_price", "total_outstanding"), "2000")
    seen = {"presentment_money": {"amount": "2000", "currency_code": "JPY"}}
    changed = {"currency": "JPY", "line_items": [line], "shipping_lines": [], "current_total_tax": "0"}
    data = run(maps, **changed, **sums, total_price_set=seen)["order"]["data"]
    assert data["total"] == {"amount": "2000", "currency": "JPY"}


def test_a_line_that_an_edit_shortens_keeps_its_share_to_the_cent(maps: dict[str, Map]) -> None:
    """1.10 off three units is 0.3666… for one: the line keeps 0.37, and the total is still Shopify's."""
    line = {**ORDER["line_items"][0], "quantity": 3, "current_quantity": 1}
    line |= {"discount_allocations": [{"amount": "1.10"}], "tax_lines": [{"title": "HST", "price": "7.66"}]}
    sums = {"current_subtotal_price": "19.63", "current_total_tax": "3.85", "current_total_price": "33.48"}
    data = run(maps, line_items=[line], **sums)["order"]["data"]
    (kept,) = data["lines"]
    assert (kept["quantity"], kept["discount"]["amount"], kept["total"]["amount"]) == (1, "0.37", "19.63")
    assert kept["tax"][0]["amount"]["amount"] == "2.55"
    assert (data["total"]["amount"], data["rounding"]["amount"]) == ("33.48", "0.00")
