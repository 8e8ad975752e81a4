"""An invoice in the books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from crossdock.connectors.quickbooks import text
from crossdock.connectors.quickbooks.actions.customer import address, receipt_of
from crossdock.connectors.quickbooks.actions.form import currency_fields, lines_of
from crossdock.connectors.quickbooks.api import Api, quoted, record_of, rows
from crossdock.connectors.quickbooks.lines import Booked, money, net, read_line, rounding, settled, tax_fields
from crossdock.connectors.quickbooks.settings import QuickBooksSettings
from crossdock.core.connector import Action, Call, Found, ItemId, Outbound, Receipt, Steps
from crossdock.core.effects import EffectClass
from crossdock.core.errors import ForAPerson


class UpsertInvoice(Action):
    """Books an invoice, or brings one up to date, so that its total is the shop's to the cent.

    In:     `invoice`; needs `customer`.
    Out:    the invoice's Id and SyncToken.
    Finds:  by number; certain only if the hub's mark and the total agree too.
    Errors: 6140 (the number is taken) is not done: the next request adds the shop's id. 5010 is not done. Where
            QuickBooks computes another total within `rounding_limit`, a second request adds a rounding line; beyond it,
            it stops.
    Source: QuickBooks Online API, Invoice; TotalAmt is the server's own sum.
    """

    name = "upsert_invoice"
    model = "invoice"
    input = "invoice"
    effects = (EffectClass.NATIVE_KEY, EffectClass.LOOKUP)
    match = ("number with mark and total",)
    whole_state = True
    finds = True
    echo = "invoice"

    def __init__(self, api: Api, settings: QuickBooksSettings) -> None:
        self._api = api
        self._settings = settings

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        booked = read_invoice(item.input, self._settings)
        known: Mapping[str, Any] = {}
        if item.remote_id:
            known = yield from self._known(item)
            if not known.get("TotalAmt") and known.get("PrivateNote") == "Voided":
                return {item.id: receipt_of(known, "the invoice is void: left as it is")}
        lines = yield from lines_of(self._api, item, booked, self._settings)
        body = self._body(item, booked, lines, known)
        if known and _says_the_same(known, body, booked):
            return {item.id: receipt_of(known, "nothing to change")}
        request = self._api.save("Invoice", body, item.provider_key("invoice"))
        done = yield Call("invoice", request, EffectClass.NATIVE_KEY, (item.id,))
        record = record_of(done.answer, "Invoice")
        if total_of(record) != booked.total:
            record = yield from self._correct(item, booked, lines, record)
        return {item.id: receipt_of(record)}

    def _known(self, item: Outbound) -> Steps[Mapping[str, Any]]:
        found = yield Call("invoice.read", self._api.read("Invoice", item.remote_id))
        if found.answer is None:
            raise ForAPerson(f"invoice {item.remote_id} is gone from QuickBooks; link its key to another one")
        return record_of(found.answer, "Invoice")

    def _body(
        self, item: Outbound, booked: Booked, lines: list[dict[str, Any]], known: Mapping[str, Any]
    ) -> dict[str, Any]:
        invoice = item.input
        customer = item.needs.get("customer") or str((known.get("CustomerRef") or {}).get("value") or "")
        if not customer:
            raise ForAPerson("the flow needs the customer: add `needs: {customer: {key: .customer.key}}`")
        body: dict[str, Any] = {
            "CustomerRef": {"value": customer},
            "TxnDate": invoice["issued_on"],
            **({"DueDate": invoice["due_on"]} if invoice.get("due_on") else {}),
            **currency_fields(invoice["currency"], self._settings),
            "Line": lines,
            **tax_fields(booked, self._settings.tax),
        }
        if invoice.get("billing_address"):
            body["BillAddr"] = address(invoice["billing_address"])
        if invoice.get("shipping_address"):
            body["ShipAddr"] = address(invoice["shipping_address"])
        if invoice.get("email") and len(invoice["email"]) <= text.EMAIL:
            body["BillEmail"] = {"Address": invoice["email"]}
        if invoice.get("memo"):
            body["CustomerMemo"] = {"value": text.cut(invoice["memo"], text.MEMO)}
        if known:
            return {"Id": known["Id"], "SyncToken": known["SyncToken"], "sparse": True, **body}
        about = f"Order {invoice['order']['key']}" if invoice.get("order") else f"From {item.key}"
        return {
            "DocNumber": self._number(item),
            **body,
            "PrivateNote": text.private_note(invoice.get("notes", ""), about, item.marker),
        }

    def _number(self, item: Outbound) -> str:
        """A later revision knows that the number was taken by another document."""
        plain = text.number(item.input["number"], text.DOC_NUMBER)
        return text.number(f"{plain}-{text.short_id(item.key)[-6:]}", text.DOC_NUMBER) if item.revision else plain

    def _correct(
        self, item: Outbound, booked: Booked, lines: list[dict[str, Any]], record: Mapping[str, Any]
    ) -> Steps[Mapping[str, Any]]:
        """QuickBooks summed up otherwise: one more request with a rounding line; then it must agree."""
        missing = booked.total - total_of(record)
        limit = self._settings.rounding_limit
        if abs(missing) > limit:
            raise ForAPerson(
                f"QuickBooks made invoice {record['Id']} {total_of(record)} where the shop says {booked.total}: more"
                f" than the rounding_limit of {limit}; look at the tax codes in the connection's settings"
            )
        extra = Booked((rounding(missing),), Decimal(0), missing)
        more = yield from lines_of(self._api, item, extra, self._settings, step="rounding")
        token = str(record["SyncToken"])
        if item.revision:
            found = yield Call("invoice.reread", self._api.read("Invoice", str(record["Id"])))
            token = str(record_of(found.answer, "Invoice")["SyncToken"])
        body = {
            "Id": record["Id"],
            "SyncToken": token,
            "sparse": True,
            "Line": [*lines, *more],
            **tax_fields(booked, self._settings.tax),
        }
        request = self._api.save("Invoice", body, item.provider_key("invoice.rounding"))
        done = yield Call("invoice.rounding", request, EffectClass.NATIVE_KEY, (item.id,))
        corrected = record_of(done.answer, "Invoice")
        if total_of(corrected) != booked.total:
            raise ForAPerson(
                f"QuickBooks keeps invoice {record['Id']} at {total_of(corrected)} where the shop says {booked.total}"
            )
        return corrected

    def find(self, item: Outbound) -> Steps[Found | None]:
        plain = text.number(item.input["number"], text.DOC_NUMBER)
        done = yield Call("invoice.find", self._api.select("Invoice", f"DocNumber = {quoted(plain)}"))
        return by_mark_and_total(rows(done.answer, "Invoice"), item.marker, money(item.input["total"]))


class VoidInvoice(Action):
    """Voids the invoice of an order that was called off before anything was paid.

    In:     anything; the entity's key names the invoice.
    Out:    the invoice's Id and SyncToken; nothing where there is no invoice or it is void already.
    Errors: an invoice with payments is not voided: a person decides, for money has to go back first.
    Source: QuickBooks Online API, Invoice, void: amounts become zero, the document stays.
    """

    name = "void_invoice"
    model = "invoice"
    input = "any"
    effects = (EffectClass.NATIVE_KEY, EffectClass.UPSERT)

    def __init__(self, api: Api, settings: QuickBooksSettings) -> None:
        self._api = api

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        remote_id = item.remote_id or item.needs.get("invoice", "")
        if not remote_id:
            return {item.id: Receipt(note="there is no invoice to void")}
        found = yield Call("invoice.read", self._api.read("Invoice", remote_id))
        if found.answer is None:
            return {item.id: Receipt(remote_id, note="the invoice is gone from QuickBooks")}
        record = record_of(found.answer, "Invoice")
        if not total_of(record):
            return {item.id: receipt_of(record, "the invoice is void already")}
        if any(link.get("TxnType") == "Payment" for link in record.get("LinkedTxn") or ()):
            raise ForAPerson(f"invoice {remote_id} has payments; give the money back, or void it in QuickBooks by hand")
        request = self._api.void("Invoice", remote_id, str(record["SyncToken"]), item.provider_key("invoice.void"))
        done = yield Call("invoice.void", request, EffectClass.NATIVE_KEY, (item.id,))
        return {item.id: receipt_of(record_of(done.answer, "Invoice"))}


def read_invoice(invoice: Mapping[str, Any], settings: QuickBooksSettings) -> Booked:
    """Raises ForAPerson where lines and tax do not make the total."""
    included = bool(invoice.get("taxes_included"))
    lines = [read_line(line, line["description"], taxes_included=included) for line in invoice["lines"]]
    return settled(net(lines), money(invoice["tax_total"]), money(invoice["total"]), settings.rounding_limit)


def total_of(record: Mapping[str, Any]) -> Decimal:
    return Decimal(str(record.get("TotalAmt") or 0))


def by_mark_and_total(hits: Sequence[Mapping[str, Any]], marker: str, total: Decimal) -> Found | None:
    """A hit with the hub's mark and the very total is ours; one that agrees in one of the two is for a person; another
    document under the same number is none of ours."""
    agreeing = [
        (hit, text.marked(hit.get("PrivateNote"), marker), total_of(hit) == total)
        for hit in hits
        if text.marked(hit.get("PrivateNote"), marker) or total_of(hit) == total
    ]
    if not agreeing:
        return None
    agreeing.sort(key=lambda one: (not one[1], not one[2]))
    hit, by_mark, by_total = agreeing[0]
    others = tuple(str(other["Id"]) for other, mark, _ in agreeing[1:] if mark or not by_mark)
    if by_mark and by_total:
        return Found(receipt_of(hit), certain=not others, others=others, why="mark and total agree")
    why = (
        f"its mark agrees, its total is {total_of(hit)}"
        if by_mark
        else "number and total agree, the hub's mark is missing"
    )
    return Found(receipt_of(hit), certain=False, others=others, why=why)


def _says_the_same(record: Mapping[str, Any], body: Mapping[str, Any], booked: Booked) -> bool:
    """Whether an update would change nothing: then it is not sent, and the books show no edit."""
    if total_of(record) != booked.total or record.get("TxnDate") != body["TxnDate"]:
        return False
    if (record.get("CustomerRef") or {}).get("value") != body["CustomerRef"]["value"]:
        return False
    tax = Decimal(str((record.get("TxnTaxDetail") or {}).get("TotalTax") or 0))
    kept = [line for line in record.get("Line") or () if line.get("DetailType") == "SalesItemLineDetail"]
    return tax == booked.tax and [_line_says(line) for line in kept] == [_line_says(line) for line in body["Line"]]


def _line_says(line: Mapping[str, Any]) -> tuple[object, ...]:
    detail = line.get("SalesItemLineDetail") or {}
    quantity = detail.get("Qty")
    return (
        Decimal(str(line.get("Amount") or 0)),
        line.get("Description") or "",
        (detail.get("ItemRef") or {}).get("value"),
        Decimal(str(quantity)) if quantity is not None else None,
    )
