"""A shop's whole life, read from Shopify and booked in QuickBooks by the template's maps: both books agree to the cent.

No hub: events are taken as they come, one after the other. What an engine adds (order, retries, crashes) is tried
elsewhere.
"""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.datastructures import Headers, QueryParams

from crossdock.connectors.quickbooks.connector import QuickBooksConnector
from crossdock.connectors.quickbooks.settings import QuickBooksSettings
from crossdock.connectors.shopify.connector import ShopifyConnector
from crossdock.connectors.shopify.settings import ShopifySettings
from crossdock.core.connector import Call, Connector, Outbound
from crossdock.core.ids import digest
from crossdock.core.json import canonical, decode
from crossdock.core.secret import Credential, Secret
from crossdock.core.verdict import Done, NotDone
from crossdock.core.wire import Http, Response
from crossdock.mapping.map import Map, compile_map
from crossdock.mapping.table_files import load_tables
from crossdock.models import load_models
from crossdock.sandbox.catalogue import make
from crossdock.sandbox.http import Request
from crossdock.sandbox.shopify.trade import trade
from crossdock.sandbox.simulator import Simulator

TEMPLATE = files("crossdock.project").joinpath("templates/shop")
TAX = {"regime": "global", "taxable": "5", "exempt": "2", "codes": {"HST": "5", "GST": "4"}}
UNPAID = {"pending", "authorized", "voided", "expired"}


class Desk:
    """A simulator asked in this process, so that no limit of the platform slows the test."""

    def __init__(self, simulator: Simulator, connector: Connector, credential: Credential) -> None:
        self.simulator = simulator
        self.connector = connector
        self.credential = credential

    def run(self, steps: Any) -> Any:
        """The steps' result; a verdict that ends them is returned as it is."""
        answer: Any = None
        while True:
            try:
                call: Call = steps.send(answer)
            except StopIteration as stop:
                return stop.value
            signed = self.connector.sign(call.request, self.credential, 0.0, "n")
            verdict = self.connector.judge(call, self._answer(signed), 0.0)
            if not isinstance(verdict, Done):
                return verdict
            answer = verdict

    def _answer(self, request: Http) -> Response:
        parts = urlsplit(request.url)
        headers = Headers(dict(request.headers))
        asked = Request(request.method, parts.path, QueryParams(parts.query), headers, request.body)
        reply = self.simulator.handle(asked)
        return Response(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)


class Books:
    """Every event once to its action, with what it needs; the links are kept as a hub keeps them."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.links: dict[tuple[str, str], tuple[str, str]] = {}
        self.seen: set[str] = set()

    def do(self, name: str, key: str, value: Any, needs: dict[str, str]) -> None:
        action = self.desk.connector.actions[name]
        seed = digest(name, key, canonical(value))
        if seed in self.seen:
            return
        self.seen.add(seed)
        remote_id, version = self.links.get((action.model, key), ("", ""))
        item = Outbound("i", value, key, seed, f"xd{seed[:16]}", remote_id, version, needs)
        if action.finds and not remote_id and (found := self.desk.run(action.find(item))) is not None:
            assert found.certain, found
            item = Outbound("i", value, key, seed, item.marker, found.receipt.remote_id, found.receipt.version, needs)
        for revision in range(4):
            revised = Outbound(item.id, value, key, seed, item.marker, item.remote_id, version, needs, revision)
            receipts = self.desk.run(action.perform([revised]))
            if not (isinstance(receipts, NotDone) and receipts.stale):
                break
        assert isinstance(receipts, dict), receipts
        if receipts["i"].remote_id:
            self.links[action.model, key] = (receipts["i"].remote_id, receipts["i"].version)

    def link(self, model: str, key: str) -> str:
        return self.links[model, key][0]


@pytest.mark.parametrize("seed", [1, 2])
def test_both_books_agree_to_the_cent(seed: int) -> None:
    shop, books = play(seed, orders=40)
    quickbooks = books.desk.simulator
    invoices, payments, refunds = (by_id(quickbooks, kind) for kind in ("Invoice", "Payment", "RefundReceipt"))
    told = [entry for entry in shop.list("books") if not entry["test"]]
    for entry in told:
        invoice = invoices.pop(books.link("invoice", f"shopify:{entry['id']}"))
        assert invoice["TotalAmt"] == Decimal(entry["billed"]), entry
        assert invoice["TxnTaxDetail"]["TotalTax"] == Decimal(entry["billed_tax"]), entry
        for part in entry["payments"]:
            payment = payments.pop(books.link("payment", f"shopify:{part['id']}"))
            assert payment["TotalAmt"] == Decimal(part["amount"]), entry
        for part in entry["given_back"]:
            if Decimal(part["amount"]):
                refund = refunds.pop(books.link("refund", f"shopify:{part['id']}"))
                assert refund["TotalAmt"] == Decimal(part["amount"]), entry
    assert not invoices
    assert not payments
    assert not refunds, "nothing is booked that the shop does not know"
    assert any(entry["edited"] for entry in told)


def play(seed: int, orders: int) -> tuple[Simulator, Books]:
    shop, desk = shopify(seed), quickbooks(seed)
    life = trade(orders, seed=seed)
    shop.simulator.seed({"changes": list(life.setup)})
    inbound = compile_map(shop.connector.maps["orders/read"], name="in", key_of=lambda _, id_: f"shopify:{id_}")
    books, to_invoice = Books(desk), invoice_map()
    for step in life.steps:
        shop.simulator.seed({"changes": [step.change]})
        ref = step.change.get("order") or step.change.get("ref")
        if ref is None:
            continue
        order_id = str(shop.simulator.shop.refs[ref])  # type: ignore[attr-defined]
        for record in shop.run(shop.connector.hydrates["order"].fetch({"o": order_id})).values():
            for event in inbound.run(record):
                book(books, event["model"], f"shopify:{event['id']}", decode(canonical(event["data"])), to_invoice)
    return shop.simulator, books


def book(books: Books, model: str, key: str, data: Any, to_invoice: Map) -> None:
    """What the template's flows do."""
    if data.get("test"):
        return
    if model == "customer":
        books.do("upsert_customer", key, data, {})
    elif model == "order":
        invoice = decode(canonical(to_invoice.one(data, event={"key": key}, needs={})))
        assert not load_models().get("invoice").problems(invoice)
        books.do("upsert_invoice", key, invoice, {"customer": books.link("customer", data["customer"]["key"])})
        if data.get("cancelled_at") and data["financial_status"] in UNPAID:
            books.do("void_invoice", key, data, {"invoice": books.link("invoice", key)})
    elif model == "payment":
        books.do("record_payment", key, data, {"invoice": books.link("invoice", data["order"]["key"])})
    elif model == "refund" and Decimal(data["amount"]["amount"]):
        books.do("record_refund", key, data, {"invoice": books.link("invoice", data["order"]["key"])})


def invoice_map() -> Map:
    source = TEMPLATE.joinpath("maps/order-to-invoice.jq").read_text("utf-8")
    tables = load_tables(Path(str(TEMPLATE.joinpath("tables"))))
    return compile_map(source, name="order-to-invoice", tables=tables, variables=("event", "needs"))


def shopify(seed: int) -> Desk:
    simulator = make("shopify", seed=seed)
    said = simulator.credentials()
    connector = ShopifyConnector(ShopifySettings(shop=said["shop"], currency="CAD", base_url="http://shop"))
    return Desk(simulator, connector, Credential({"access_token": Secret(said["access_token"])}))


def quickbooks(seed: int) -> Desk:
    simulator = make("quickbooks", seed=seed)
    said = simulator.credentials()
    settings = QuickBooksSettings.model_validate({"base_url": "http://books", "currency": "CAD", "tax": TAX})
    credential = Credential({"access_token": Secret(said["access_token"])}, account=said["realm_id"])
    return Desk(simulator, QuickBooksConnector(settings), credential)


def by_id(simulator: Simulator, kind: str) -> dict[str, Any]:
    return {record["Id"]: record for record in simulator.list(kind)}
