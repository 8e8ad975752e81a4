"""Every shipped connector holds what every connector must hold."""

from __future__ import annotations

from typing import Any

import pytest

from crossdock.connectors import load
from crossdock.core.connector import Connector, Outbound
from crossdock.core.secret import Credential, Secret
from crossdock.testing.connector_contract import Sample, check_connector
from crossdock.testing.drive import reply

NAMES = (
    "access_token",
    "refresh_token",
    "client_id",
    "client_secret",
    "token",
    "webhook_secret",
    "verifier_token",
    "password",
)
CREDENTIAL = Credential({name: Secret(f"canary-of-{name}") for name in NAMES}, account="9130")


def connector(name: str, **settings: Any) -> Connector:
    kind = load(name)
    return kind(kind.settings_type.model_validate(settings))


def item(value: Any, **fields: Any) -> Outbound:
    return Outbound("i1", value, "shopify:5310000000123", "seed", "xd0123456789abcdef", **fields)


def cad(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CAD"}


def saved(entity: str, **fields: Any) -> Any:
    return reply(200, {entity: {"Id": "145", "SyncToken": "0", **fields}})


def rows(entity: str, *found: Any) -> Any:
    return reply(200, {"QueryResponse": {entity: list(found)} if found else {}})


LINE = {"kind": "product", "description": "Mug", "quantity": 1, "amount": cad("20.00"), "tax_amount": cad("2.60")}
INVOICE = {
    "number": "2044", "customer": {"key": "shopify:1"}, "status": "open", "issued_on": "2026-11-03", "currency": "CAD",
    "lines": [LINE], "tax_total": cad("2.60"), "total": cad("22.60"),
}  # fmt: skip
PAYMENT = {"amount": cad("22.60"), "received_at": "2026-11-03T14:12:44Z", "method": "card"}
REFUND = {
    "order": {"key": "shopify:1"}, "amount": cad("22.60"), "refunded_at": "2026-11-05T10:00:00Z",
    "tax_total": cad("2.60"),
    "lines": [{"line": "1", "title": "Mug", "quantity": 1, "amount": cad("20.00"), "tax_amount": cad("2.60")}],
}  # fmt: skip
INVOICED = reply(
    200, {"Invoice": {"Id": "145", "SyncToken": "1", "CustomerRef": {"value": "58"}, "Balance": 22.6, "TotalAmt": 22.6}}
)
SALES = rows("Item", {"Id": "21", "Name": "Shop sales"})
INVOICE_NEED = {"invoice": "145"}
DONE = reply(200, {"id": "1"})


def contact(kind: str) -> Any:
    return reply(200, {"results": [{"id": "501", "objectWriteTraceId": "i1", "properties": {"kind": kind}}]})


ROWS = ("save", "note")
CASES: dict[str, tuple[dict[str, Any], list[Sample]]] = {
    "sql": (
        {
            "database": "postgresql://hub@db.example.com/shop",
            "actions": {
                "save": {"do": "upsert", "table": "orders", "key": ["number"], "columns": {"number": "number"}},
                "note": {"do": "insert", "table": "log", "columns": {"said": ""}},
            },
        },
        [Sample(name, item({"number": "2044"}), [reply(200, {"changed": [1, 1], "rows": []})]) for name in ROWS],
    ),
    "http": (
        {
            "base_url": "https://api.example.com",
            "auth": {"kind": "bearer"},
            "actions": {"make": {"path": "/orders", "idempotency_header": "Idempotency-Key"}},
        },
        [Sample("make", item({"number": "2044"}), [DONE])],
    ),
    "shopify": ({"shop": "joannas-shop.myshopify.com", "currency": "CAD"}, []),
    "quickbooks": (
        {"currency": "CAD"},
        [
            Sample("upsert_customer", item({"name": "Ada"}), [saved("Customer")]),
            Sample("upsert_item", item({"title": "Mug"}), [rows("Account", {"Id": "1"}), saved("Item")]),
            Sample("upsert_invoice", item(INVOICE, needs={"customer": "58"}), [SALES, saved("Invoice", TotalAmt=22.6)]),
            Sample("void_invoice", item({}, remote_id="145"), [INVOICED, saved("Invoice")]),
            Sample("record_payment", item(PAYMENT, needs=INVOICE_NEED), [INVOICED, saved("Payment")]),
            Sample(
                "record_refund",
                item(REFUND, needs=INVOICE_NEED),
                [INVOICED, SALES, rows("Account", {"Id": "4"}), saved("RefundReceipt", TotalAmt=22.6)],
            ),
        ],
    ),
    "hubspot": (
        {"portal": "33"},
        [
            Sample("upsert_contact", item({"name": "Ada", "email": "ada@example.com"}), [contact("contact")]),
            Sample(
                "upsert_deal",
                item({"name": "Order #2044", "stage": "won"}, needs={"customer": "501"}),
                [contact("deal"), reply(200, {"results": []})],
            ),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_connector_holds_what_every_connector_must_hold(name: str) -> None:
    settings, samples = CASES[name]
    check_connector(connector(name, **settings), CREDENTIAL, samples)
