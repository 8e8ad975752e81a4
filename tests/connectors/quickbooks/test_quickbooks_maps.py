"""What QuickBooks tells, in the words of the models; and the hub's own writes, known again."""

from __future__ import annotations

from typing import Any

import pytest

from crossdock.connectors.quickbooks.connector import QuickBooksConnector
from crossdock.connectors.quickbooks.settings import QuickBooksSettings
from crossdock.core.json import canonical, decode
from crossdock.mapping.map import Map, compile_map
from crossdock.models import load_models

STAMPS = {"CreateTime": "2026-11-03T06:14:02-08:00", "LastUpdatedTime": "2026-11-04T06:14:02-08:00"}
INVOICE = {
    "Id": "145",
    "DocNumber": "2044",
    "TxnDate": "2026-11-03",
    "DueDate": "2026-12-03",
    "CustomerRef": {"value": "58", "name": "Ada Byron"},
    "MetaData": STAMPS,
    "Line": [
        {
            "Id": "1",
            "Description": "Mug",
            "Amount": 80,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {"ItemRef": {"value": "21", "name": "Mug"}, "Qty": 4, "UnitPrice": 20},
        },
        {"Id": "2", "Amount": 8, "DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": False}},
        {"Amount": 80, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}},
    ],
    "TxnTaxDetail": {"TotalTax": 9.36},
    "TotalAmt": 81.36,
    "Balance": 81.36,
    "PrivateNote": "by hand",
}
CUSTOMER = {
    "Id": "58",
    "DisplayName": "Ada Byron",
    "GivenName": "Ada",
    "PrimaryEmailAddr": {"Address": "ada@example.com, ada@work.example"},
    "PrimaryPhone": {"FreeFormNumber": "(514) 555-0100"},
    "BillAddr": {"Line1": "12 Rue Sherbrooke", "City": "Montréal", "Country": "Canada", "CountrySubDivisionCode": "QC"},
    "MetaData": {**STAMPS, "LastUpdatedTime": STAMPS["CreateTime"]},
}
PAYMENT = {
    "Id": "9",
    "TotalAmt": 81.36,
    "TxnDate": "2026-11-05",
    "CustomerRef": {"value": "58"},
    "CurrencyRef": {"value": "USD"},
    "PaymentRefNum": "CHQ 12",
    "Line": [{"Amount": 81.36, "LinkedTxn": [{"TxnId": "145", "TxnType": "Invoice"}]}],
    "MetaData": STAMPS,
}


def compiled(topic: str) -> Map:
    maps = QuickBooksConnector(QuickBooksSettings(currency="CAD")).maps
    return compile_map(maps[topic], name=topic, key_of=lambda _, id_: f"quickbooks:{id_}")


@pytest.mark.parametrize(
    ("topic", "record"), [("customer.created", CUSTOMER), ("invoice.updated", INVOICE), ("payment.updated", PAYMENT)]
)
def test_each_record_is_a_valid_instance_of_its_model(topic: str, record: Any) -> None:
    (event,) = compiled(topic).run(decode(canonical(record)))
    assert event["id"] == record["Id"]
    assert not load_models().get(event["model"]).problems(decode(canonical(event["data"])))


def test_an_invoice_adds_up_and_its_discount_is_negative() -> None:
    (event,) = compiled("invoice.updated").run(decode(canonical(INVOICE)))
    data = event["data"]
    assert [line["amount"]["amount"] for line in data["lines"]] == ["80.00", "-8.00"]
    assert (data["total"], data["status"]) == ({"amount": "81.36", "currency": "CAD"}, "open")
    assert event["version"] == "2026-11-04T14:14:02Z"


def test_a_customers_free_text_is_read_where_it_can_be() -> None:
    (event,) = compiled("customer.created").run(CUSTOMER)
    data = event["data"]
    assert (data["email"], data["phone"]) == ("ada@example.com", "+15145550100")
    assert data["addresses"][0]["country"] == "CA"
    assert event["verb"] == "created"


def test_a_payment_names_its_invoice_and_keeps_its_own_currency() -> None:
    (event,) = compiled("payment.updated").run(decode(canonical(PAYMENT)))
    assert event["data"]["invoice"] == {"key": "quickbooks:145"}
    assert event["data"]["amount"] == {"amount": "81.36", "currency": "USD"}


def test_every_action_that_knows_its_echo_names_a_map_that_there_is() -> None:
    platform = QuickBooksConnector(QuickBooksSettings(currency="CAD"))
    echoes = {action.echo for action in platform.actions.values() if action.echo}
    assert echoes == {"customer", "invoice", "payment"}
    assert echoes <= set(platform.maps)
