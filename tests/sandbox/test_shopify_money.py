"""A shop's arithmetic: whatever happens to an order, its sums agree to the cent."""

from decimal import Decimal
from typing import Any

import pytest

from crossdock.sandbox.clock import StillClock
from crossdock.sandbox.shopify import ShopifySimulator
from crossdock.sandbox.shopify.order import Order, current, outstanding, received, sold
from crossdock.sandbox.shopify.trade import trade
from crossdock.sandbox.simulator import SeedError

QUEBEC = [{"title": "GST", "rate": "0.05"}, {"title": "QST", "rate": "0.09975"}]


@pytest.fixture
def shop() -> ShopifySimulator:
    simulator = ShopifySimulator(clock=StillClock())
    mug = {"do": "create_product", "ref": "mug", "title": "Mug", "variants": [{"sku": "MUG-1", "price": "19.99"}]}
    pen = {"do": "create_product", "ref": "pen", "title": "Pen", "variants": [{"sku": "PEN", "price": "0.99"}]}
    simulator.seed({"changes": [mug, pen]})
    return simulator


def ordered(shop: ShopifySimulator, **details: Any) -> dict[str, Any]:
    lines = details.pop("lines", [{"product": "mug", "quantity": 3}, {"product": "pen", "quantity": 1}])
    shop.perform({"do": "place_order", "ref": "order", "lines": lines, "paid": True, "taxes": QUEBEC, **details})
    return newest(shop)


def newest(shop: ShopifySimulator) -> dict[str, Any]:
    return shop.list("orders")[-1]


def test_tax_is_rounded_per_line_and_tax_so_it_differs_from_rate_times_subtotal(shop: ShopifySimulator) -> None:
    order = ordered(shop, lines=[{"product": "pen", "quantity": 1, "price": "0.50"}] * 3)
    lines = [Decimal(tax["price"]) for line in order["line_items"] for tax in line["tax_lines"]]
    assert sum(lines) == Decimal(order["total_tax"]) == Decimal("0.24")
    assert (Decimal("1.50") * Decimal("0.14975")).quantize(Decimal("0.01")) == Decimal("0.22")


def test_discount_codes_show_in_allocations_and_never_in_total_discount(shop: ShopifySimulator) -> None:
    code = {"kind": "discount_code", "title": "TEN", "value": "10", "value_type": "percentage"}
    order = ordered(shop, discounts=[code])
    given = [Decimal(part["amount"]) for line in order["line_items"] for part in line["discount_allocations"]]
    assert {line["total_discount"] for line in order["line_items"]} == {"0.00"}
    assert sum(given) == Decimal(order["total_discounts"]) == Decimal("6.10")
    assert order["discount_codes"] == [{"code": "TEN", "amount": "6.10", "type": "percentage"}]


def test_free_shipping_is_a_discount_of_the_shipping_line(shop: ShopifySimulator) -> None:
    free = {"kind": "automatic", "title": "Free", "value": "100", "value_type": "percentage", "target": "shipping_line"}
    order = ordered(shop, shipping=[{"title": "Ground", "price": "9.95"}], discounts=[free])
    (line,) = order["shipping_lines"]
    assert (line["price"], line["discounted_price"]) == ("9.95", "0.00")
    assert line["discount_allocations"][0]["amount"] == order["total_discounts"] == "9.95"
    assert order["discount_applications"][0]["target_type"] == "shipping_line"
    assert {tax["price"] for tax in line["tax_lines"]} == {"0.00"}


def test_an_annotation_updates_the_order_and_no_amount(shop: ShopifySimulator) -> None:
    before = ordered(shop)
    shop.perform({"do": "annotate_order", "order": "order", "tags": ["vip"]})
    after = newest(shop)
    assert after["updated_at"] > before["updated_at"]
    assert {name for name in before if before[name] != after[name]} == {"updated_at", "tags"}


def test_included_tax_is_told_and_not_added(shop: ShopifySimulator) -> None:
    order = ordered(shop, taxes_included=True, shipping=[{"title": "Ground", "price": "9.95"}])
    total = Decimal(order["subtotal_price"]) + Decimal(order["total_shipping_price_set"]["shop_money"]["amount"])
    assert Decimal(order["total_price"]) == total
    assert Decimal(order["total_tax"]) > 0


def test_an_edit_keeps_the_quantity_sold_and_lowers_the_current_one(shop: ShopifySimulator) -> None:
    before = ordered(shop)
    shop.perform({"do": "edit_order", "order": "order", "set": [{"line": 0, "quantity": 1}]})
    order = newest(shop)
    line = order["line_items"][0]
    assert (line["quantity"], line["current_quantity"]) == (3, 1)
    assert order["total_price"] == before["total_price"]
    assert Decimal(order["total_outstanding"]) == Decimal(order["current_total_price"]) - Decimal(before["total_price"])
    shop.perform({"do": "refund_order", "order": "order"})
    assert newest(shop)["total_outstanding"] == "0.00"
    assert newest(shop)["refunds"][0]["order_adjustments"] == []


def test_a_refund_without_lines_becomes_an_adjustment(shop: ShopifySimulator) -> None:
    before = ordered(shop)
    shop.perform({"do": "refund_order", "order": "order", "amount": "5.00"})
    order = newest(shop)
    (refund,) = order["refunds"]
    assert refund["refund_line_items"] == []
    assert [part["amount"] for part in refund["order_adjustments"]] == ["-5.00"]
    assert Decimal(order["current_total_price"]) == Decimal(before["total_price"]) - 5
    assert order["financial_status"] == "partially_refunded"


def test_refunds_in_parts_give_back_exactly_what_was_paid(shop: ShopifySimulator) -> None:
    ordered(shop, shipping=[{"title": "Ground", "price": "9.95"}])
    for line, quantity in ((0, 1), (0, 1), (1, 1), (0, 1)):
        shop.perform({"do": "refund_order", "order": "order", "lines": [{"line": line, "quantity": quantity}]})
    shop.perform({"do": "refund_order", "order": "order", "shipping": "3.33"})
    shop.perform({"do": "refund_order", "order": "order", "shipping": True})
    (entry,) = shop.list("books")
    assert entry["refunded"] == entry["paid"] == entry["billed"]
    assert (entry["current"], entry["adjusted"]) == ("0.00", "0.00")
    assert newest(shop)["financial_status"] == "refunded"


def test_a_cancellation_before_payment_leaves_nothing_owed(shop: ShopifySimulator) -> None:
    ordered(shop, paid=False)
    shop.perform({"do": "cancel_order", "order": "order", "reason": "CUSTOMER"})
    (entry,) = shop.list("books")
    assert (entry["billed"], entry["paid"], entry["cancelled"]) == ("0.00", "0.00", True)
    assert newest(shop)["financial_status"] == "voided"


def test_a_cancellation_after_payment_gives_everything_back(shop: ShopifySimulator) -> None:
    ordered(shop)
    shop.perform({"do": "refund_order", "order": "order", "amount": "2.50"})
    shop.perform({"do": "cancel_order", "order": "order"})
    (entry,) = shop.list("books")
    assert entry["refunded"] == entry["paid"]
    assert entry["current"] == "0.00"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"do": "refund_order", "order": "order", "amount": "999.00"},
            r"\$999.00 is greater than net payment received",
        ),
        ({"do": "refund_order", "order": "order", "lines": [{"line": 0, "quantity": 4}]}, "cannot refund more items"),
        ({"do": "edit_order", "order": "order", "set": [{"line": 0, "quantity": -1}]}, "can't be negative"),
        ({"do": "pay_order", "order": "order"}, "cannot be marked as paid"),
        ({"do": "pay_order", "order": "nobody"}, "has no order 'nobody'"),
        ({"do": "dance"}, "there is no change 'dance'"),
    ],
)
def test_an_impossible_change_is_refused_and_changes_nothing(
    shop: ShopifySimulator, change: dict[str, Any], words: str
) -> None:
    before = ordered(shop)
    with pytest.raises(SeedError, match=words):
        shop.perform(change)
    assert newest(shop) == before


def identities(order: Order) -> None:
    for totals in (sold(order), current(order)):
        tax = Decimal(0) if order.taxes_included else totals.tax
        assert totals.total == totals.subtotal + totals.shipping + totals.adjustments + tax
        assert totals.total == totals.total.quantize(Decimal("0.01")) >= 0
    if received(order) > 0:
        assert outstanding(order) == 0


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_trade_ends_with_every_paid_order_settled_to_the_cent(seed: int) -> None:
    clock = StillClock()
    simulator = ShopifySimulator(clock=clock)
    life = trade(120, seed)
    opened_at = clock.at
    simulator.seed({"changes": list(life.setup)})
    for step in life.steps:
        clock.at = opened_at + step.at_s
        simulator.perform(step.change)
    orders = list(simulator.shop.orders.values())
    assert len(orders) == 120
    for order in orders:
        identities(order)


def test_a_trade_holds_every_kind_of_trouble() -> None:
    life = trade(200, 1)
    changes = [step.change for step in life.steps]
    done = {change["do"] for change in changes}
    assert done >= {"place_order", "pay_order", "edit_order", "refund_order", "cancel_order", "update_customer"}
    placed = [change for change in changes if change["do"] == "place_order"]
    guests = [change for change in placed if "customer" not in change]
    assert any("email" in change for change in guests)
    assert any("email" not in change for change in guests)
    assert any("discounts" in change for change in placed)
    assert any(change["taxes_included"] for change in placed)
    assert any(change.get("presentment") for change in placed)
    assert life == trade(200, 1)
    assert life != trade(200, 2)
