"""The books, kept against the strict simulator over a socket: every document to the cent, once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from crossdock.connectors.quickbooks.connector import QuickBooksConnector
from crossdock.connectors.quickbooks.settings import QuickBooksSettings
from crossdock.core.connector import Connector, Outbound
from crossdock.core.errors import ForAPerson
from crossdock.core.ids import digest
from crossdock.core.json import canonical
from crossdock.core.secret import Credential, Secret
from crossdock.sandbox.simulator import Simulator

CANADA = {"regime": "global", "taxable": "5", "exempt": "2", "codes": {"HST": "5", "GST": "4"}}
CUSTOMER = {
    "name": "Ada Byron",
    "first_name": "Ada",
    "last_name": "Byron",
    "email": "ada@example.com",
    "phone": "+15145550100",
    "addresses": [{"line1": "12 Rue Sherbrooke", "city": "Montréal", "region_code": "QC", "postal_code": "H2X 1X4"}],
}


def cad(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CAD"}


INVOICE: dict[str, Any] = {
    "number": "2044",
    "order": {"key": "shopify:5310000000123"},
    "customer": {"key": "shopify:1"},
    "status": "open",
    "issued_on": "2026-11-03",
    "currency": "CAD",
    "email": "ada@example.com",
    "lines": [
        {
            "kind": "product",
            "description": "Mug",
            "sku": "MUG-1",
            "quantity": 4,
            "unit_price": cad("20.00"),
            "amount": cad("80.00"),
            "tax_amount": cad("9.36"),
            "tax": [{"title": "HST", "rate": Decimal("0.13"), "amount": cad("9.36")}],
        },
        {"kind": "discount", "description": "TEN", "amount": cad("-8.00")},
        {"kind": "shipping", "description": "Ground", "amount": cad("10.00"), "tax_amount": cad("1.30")},
    ],
    "tax_total": cad("10.66"),
    "total": cad("92.66"),
}
PAYMENT = {
    "order": {"key": "shopify:5310000000123"},
    "amount": cad("92.66"),
    "received_at": "2026-11-03T14:12:44Z",
    "method": "card",
    "gateway": "shopify_payments",
    "reference": "389404469",
}
REFUND: dict[str, Any] = {
    "order": {"key": "shopify:5310000000123"},
    "amount": cad("20.34"),
    "refunded_at": "2026-11-05T10:00:00Z",
    "lines": [
        {"line": "1", "sku": "MUG-1", "title": "Mug", "quantity": 1, "amount": cad("18.00"), "tax_amount": cad("2.34")}
    ],
    "tax_total": cad("2.34"),
    "reference": "77",
}


def build(**settings: Any) -> Any:
    def built(simulator: Simulator) -> tuple[Connector, Credential]:
        said = simulator.credentials()
        connector = QuickBooksConnector(
            QuickBooksSettings.model_validate({"base_url": simulator.url, "currency": "CAD", "tax": CANADA, **settings})
        )
        names = ("client_id", "client_secret", "access_token", "refresh_token")
        return connector, Credential({name: Secret(said[name]) for name in names}, account=said["realm_id"])

    return built


def outbound(value: Any, key: str = "shopify:5310000000123", **fields: Any) -> Outbound:
    """Each input is an event of its own, so it has a seed of its own; the mark is fixed, for the sake of `find`."""
    return Outbound("i1", value, key, digest(key, canonical(value)), "xd0123456789abcdef", **fields)


async def booked(live: Any, invoice: dict[str, Any] = INVOICE) -> tuple[str, Any]:
    """A customer and the invoice; returns (customer id, invoice receipt)."""
    customer = await live.do(live.connector.actions["upsert_customer"], outbound(CUSTOMER, "shopify:1"))
    item = outbound(invoice, needs={"customer": customer.remote_id})
    return customer.remote_id, await live.do(live.connector.actions["upsert_invoice"], item)


async def test_an_invoice_is_booked_to_the_cent_and_its_items_are_made(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    customer, receipt = await booked(live)
    record = receipt.record
    assert record["TotalAmt"] == Decimal("92.66")
    assert record["TxnTaxDetail"]["TotalTax"] == Decimal("10.66")
    assert record["CustomerRef"]["value"] == customer
    assert [line["Amount"] for line in record["Line"][:2]] == [Decimal("72.00"), Decimal("10.00")]
    assert record["Line"][0]["SalesItemLineDetail"]["UnitPrice"] == 18
    assert {item["Name"] for item in live.simulator.list("Item")} == {"Shop sales", "Shipping"}


async def test_the_same_request_again_books_nothing_more(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    customer, first = await booked(live)
    action = live.connector.actions["upsert_invoice"]
    again = await live.run(action.perform([outbound(INVOICE, needs={"customer": customer})]))
    assert again["i1"].remote_id == first.remote_id
    assert len(live.simulator.list("Invoice")) == 1


async def test_a_lost_answer_is_found_again_by_number_mark_and_total(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    _, first = await booked(live)
    action = live.connector.actions["upsert_invoice"]
    found = await live.run(action.find(outbound(INVOICE)))
    assert (found.receipt.remote_id, found.certain) == (first.remote_id, True)
    stranger = Outbound("i2", INVOICE, "shopify:9", "other", "xd9999999999999999")
    found = await live.run(action.find(stranger))
    assert not found.certain, "number and total agree, the mark does not"
    other_total = {**INVOICE, "total": cad("1.00")}
    assert await live.run(action.find(Outbound("i3", other_total, "shopify:9", "other", "xd9"))) is None


async def test_an_edit_changes_the_invoice_and_an_echo_of_nothing_does_not(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    customer, first = await booked(live)
    action = live.connector.actions["upsert_invoice"]
    needs = {"customer": customer}
    same = await live.do(action, outbound(INVOICE, remote_id=first.remote_id, needs=needs))
    assert same.version == first.version
    assert same.note == "nothing to change"
    line = {**INVOICE["lines"][0], "quantity": 2, "amount": cad("40.00"), "tax_amount": cad("4.16")}
    edited = {**INVOICE, "lines": [line, *INVOICE["lines"][1:]], "tax_total": cad("5.46"), "total": cad("47.46")}
    changed = await live.do(action, outbound(edited, remote_id=first.remote_id, remote_version="0", needs=needs))
    assert changed.record["TotalAmt"] == Decimal("47.46")
    assert changed.record["PrivateNote"] == first.record["PrivateNote"]
    assert len(live.simulator.list("Invoice")) == 1


async def test_taxes_in_the_prices_are_booked_once(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    included = {**INVOICE, "taxes_included": True, "total": cad("82.00")}
    _, receipt = await booked(live, included)
    assert receipt.record["TotalAmt"] == Decimal("82.00")
    assert receipt.record["TxnTaxDetail"]["TotalTax"] == Decimal("10.66")


async def test_cents_that_the_lines_miss_become_a_line_of_their_own(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    _, receipt = await booked(live, {**INVOICE, "total": cad("92.68")})
    assert receipt.record["TotalAmt"] == Decimal("92.68")
    assert receipt.record["Line"][2]["Amount"] == Decimal("0.02")
    with pytest.raises(ForAPerson, match="rounding_limit"):
        await booked(live, {**INVOICE, "number": "2045", "total": cad("99.00")})


async def test_a_payment_pays_the_invoice_and_what_is_over_stays_as_credit(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    _, invoice = await booked(live)
    action = live.connector.actions["record_payment"]
    item = outbound({**PAYMENT, "amount": cad("100.00")}, "shopify:9", needs={"invoice": invoice.remote_id})
    paid = await live.do(action, item)
    assert paid.record["UnappliedAmt"] == Decimal("7.34")
    assert live.simulator.list("Invoice")[0]["Balance"] == 0
    found = await live.run(action.find(item))
    assert (found.receipt.remote_id, found.certain) == (paid.remote_id, True)
    again = await live.do(action, outbound(PAYMENT, "shopify:9", remote_id=paid.remote_id))
    assert again.remote_id == paid.remote_id
    assert len(live.simulator.list("Payment")) == 1


async def test_a_refund_of_money_is_a_receipt_and_of_an_unpaid_invoice_a_credit_memo(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    _, invoice = await booked(live)
    action, needs = live.connector.actions["record_refund"], {"invoice": invoice.remote_id}
    memo = await live.do(action, outbound({**REFUND, "amount": cad("0.00"), "adjustment": cad("-20.34")}, needs=needs))
    assert live.simulator.list("CreditMemo")[0]["TotalAmt"] == Decimal("20.34")
    assert memo.remote_id == live.simulator.list("CreditMemo")[0]["Id"]
    item = outbound(
        {**REFUND, "reference": "78", "amount": cad("25.34"), "adjustment": cad("5.00")}, "shopify:78", needs=needs
    )
    receipt = await live.do(action, item)
    assert receipt.record["TotalAmt"] == Decimal("25.34")
    assert receipt.record["TxnTaxDetail"]["TotalTax"] == Decimal("2.34")
    found = await live.run(action.find(item))
    assert (found.receipt.remote_id, found.certain) == (receipt.remote_id, True)


async def test_a_refund_gives_the_tax_back_under_the_code_that_the_invoice_was_billed_with(start_live: Any) -> None:
    live = await start_live("quickbooks", build(tax={**CANADA, "codes": {"GST/QST QC": "6"}}))
    lines = [{**line, "tax_code": "GST/QST QC"} if "tax_amount" in line else line for line in INVOICE["lines"]]
    _, invoice = await booked(live, {**INVOICE, "lines": lines})
    action, needs = live.connector.actions["record_refund"], {"invoice": invoice.remote_id}
    receipt = await live.do(
        action, outbound({**REFUND, "amount": cad("25.34"), "adjustment": cad("5.00")}, needs=needs)
    )
    details = [line["SalesItemLineDetail"] for line in receipt.record["Line"] if "SalesItemLineDetail" in line]
    assert [detail["TaxCodeRef"]["value"] for detail in details] == ["6", CANADA["exempt"]]
    assert receipt.record["TxnTaxDetail"]["TotalTax"] == Decimal("2.34")


async def test_an_order_called_off_before_payment_has_its_invoice_voided(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    _, invoice = await booked(live)
    action = live.connector.actions["void_invoice"]
    item = outbound({}, remote_id=invoice.remote_id)
    await live.do(action, item)
    again = await live.do(action, item)
    assert again.note == "the invoice is void already"
    assert live.simulator.list("Invoice")[0]["TotalAmt"] == 0
    assert (await live.do(action, outbound({}, "shopify:unknown"))).remote_id == ""


async def test_an_invoice_with_payments_is_not_voided(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    _, invoice = await booked(live)
    await live.do(
        live.connector.actions["record_payment"], outbound(PAYMENT, "s:9", needs={"invoice": invoice.remote_id})
    )
    with pytest.raises(ForAPerson, match="has payments"):
        await live.do(live.connector.actions["void_invoice"], outbound({}, remote_id=invoice.remote_id))


async def test_a_customer_who_exists_is_found_and_a_namesake_gets_a_name_of_its_own(start_live: Any) -> None:
    seed = {
        "Customer": [
            {"DisplayName": "Ada Byron", "PrimaryEmailAddr": {"Address": "ADA@example.com"}},
            {"DisplayName": "John Smith", "PrimaryEmailAddr": {"Address": "john@example.com"}},
        ],
        "Vendor": ["Mug Maker"],
    }
    live = await start_live("quickbooks", build(), seed)
    action = live.connector.actions["upsert_customer"]
    ada = await live.do(action, outbound(CUSTOMER, "shopify:1"))
    assert ada.record["DisplayName"] == "Ada Byron"
    assert ada.record["PrimaryPhone"]["FreeFormNumber"] == "+15145550100"
    john = await live.do(action, outbound({"name": "John Smith", "email": "other@example.com"}, "shopify:42"))
    assert john.record["DisplayName"] == "John Smith (42)"
    vendor = await live.do(action, outbound({"name": "Mug: Maker"}, "shopify:43"))
    assert vendor.record["DisplayName"] == "Mug Maker (43)"
    assert len(live.simulator.list("Customer")) == 4


async def test_a_guest_who_is_a_customer_already_changes_nothing(start_live: Any) -> None:
    seed = {"Customer": [{"DisplayName": "Ada B.", "PrimaryEmailAddr": {"Address": "ada@example.com"}}]}
    live = await start_live("quickbooks", build(), seed)
    guest = {**CUSTOMER, "guest": True}
    receipt = await live.do(live.connector.actions["upsert_customer"], outbound(guest, "shopify:guest-1"))
    (record,) = live.simulator.list("Customer")
    assert (receipt.remote_id, record["SyncToken"]) == (record["Id"], "0")


async def test_an_update_over_a_stale_version_reads_again(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    action = live.connector.actions["upsert_customer"]
    first = await live.do(action, outbound(CUSTOMER, "shopify:1"))
    moved = {**CUSTOMER, "phone": "+15145550111"}
    await live.do(action, outbound(moved, "shopify:1", remote_id=first.remote_id, remote_version=first.version))
    item = outbound({**CUSTOMER, "company": "Engines"}, "shopify:1", remote_id=first.remote_id, remote_version="0")
    assert (await live.do(action, item)).record["CompanyName"] == "Engines"


async def test_a_number_that_another_document_has_gets_the_orders_own_ending(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    customer, _ = await booked(live)
    other = {**INVOICE, "lines": INVOICE["lines"][2:], "tax_total": cad("1.30"), "total": cad("11.30")}
    item = Outbound("i2", other, "shopify:5310000099999", "other", "xd2", needs={"customer": customer})
    receipt = await live.do(live.connector.actions["upsert_invoice"], item)
    assert receipt.record["DocNumber"] == "2044-099999"


async def test_products_become_items_and_invoice_lines_take_them_by_sku(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    action = live.connector.actions["upsert_item"]
    product = {"title": 'Mug "Ada": blue', "sku": "MUG-1", "price": cad("20.00"), "taxable": True}
    item = await live.do(action, outbound(product, "shopify:4001"))
    assert item.record["Name"] == "Mug Ada blue"
    again = await live.do(action, outbound({**product, "price": cad("21.00")}, "shopify:4001"))
    assert (again.remote_id, again.record["UnitPrice"]) == (item.remote_id, 21)
    _, invoice = await booked(live)
    assert invoice.record["Line"][0]["SalesItemLineDetail"]["ItemRef"]["value"] == item.remote_id


async def test_the_american_tax_model_takes_the_shops_tax_too(start_live: Any) -> None:
    tax = {"regime": "us"}
    live = await start_live(
        "quickbooks", build(tax=tax, currency="USD"), {"company": {"country": "US", "currency": "USD"}}
    )

    def dollars(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: "USD" if name == "currency" else dollars(part) for name, part in value.items()}
        return [dollars(part) for part in value] if isinstance(value, list) else value

    _, receipt = await booked(live, dollars(INVOICE))
    assert receipt.record["TotalAmt"] == Decimal("92.66")


async def test_tokens_are_renewed_and_the_new_one_is_let_in(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    fresh = await live.run(live.connector.refresh(live.credential, 1000.0))
    assert fresh.get("access_token") != live.credential.get("access_token")
    assert fresh.account == live.credential.account
    assert fresh.expires_at == 4600.0
    live.credential = fresh
    assert await live.run(live.connector.actions["upsert_invoice"].find(outbound(INVOICE))) is None


async def test_records_are_hydrated_in_one_query_and_missing_ones_left_out(start_live: Any) -> None:
    live = await start_live("quickbooks", build())
    customer, _ = await booked(live)
    records = await live.run(live.connector.hydrates["customer"].fetch({"a": customer, "b": "999"}))
    assert list(records) == ["a"]
    assert records["a"]["DisplayName"] == "Ada Byron"
