"""Money given back, or goods taken back before anything was paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from crossdock.connectors.quickbooks import text
from crossdock.connectors.quickbooks.accounts import account_id
from crossdock.connectors.quickbooks.actions.customer import receipt_of
from crossdock.connectors.quickbooks.actions.form import currency_fields, lines_of
from crossdock.connectors.quickbooks.actions.invoice import by_mark_and_total, total_of
from crossdock.connectors.quickbooks.api import Api, quoted, record_of, rows
from crossdock.connectors.quickbooks.lines import (
    NOTHING,
    Booked,
    Line,
    billed_codes,
    money,
    read_line,
    settled,
    tax_fields,
)
from crossdock.connectors.quickbooks.settings import QuickBooksSettings
from crossdock.core.connector import Action, Call, Found, ItemId, Outbound, Receipt, Steps
from crossdock.core.effects import EffectClass
from crossdock.core.errors import ForAPerson


class RecordRefund(Action):
    """Books a refund: a refund receipt where money left, a credit memo where goods came back to an unpaid invoice.

    In:     `refund`; needs `invoice`, whose customer it is for.
    Out:    the document's Id and SyncToken. A refund that is booked is not booked again, nor changed.
    Finds:  by number; certain only if the hub's mark and the total agree too.
    Errors: as for an invoice; the total is the shop's to the cent, or nothing is booked.
    Source: QuickBooks Online API, RefundReceipt (needs the account that the money leaves) and CreditMemo.
    """

    name = "record_refund"
    model = "refund"
    input = "refund"
    effects = (EffectClass.NATIVE_KEY, EffectClass.LOOKUP)
    match = ("number with mark and total",)
    finds = True

    def __init__(self, api: Api, settings: QuickBooksSettings) -> None:
        self._api = api
        self._settings = settings

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        if item.remote_id:
            return {item.id: Receipt(item.remote_id, item.remote_version, note="the refund is booked already")}
        if item.input.get("test"):
            return {item.id: Receipt(note="no money moved: nothing is booked")}
        invoice = yield from self._invoice(item)
        booked, entity = read_refund(item.input, invoice, self._settings)
        if not booked.total:
            return {item.id: Receipt(note="no money moved and nothing is owed: nothing is booked")}
        billed = billed_codes(invoice, self._settings.tax)
        lines = yield from lines_of(self._api, item, booked, self._settings, billed=billed)
        body: dict[str, Any] = {
            "DocNumber": _number(item),
            "CustomerRef": {"value": str(invoice["CustomerRef"]["value"])},
            "TxnDate": item.input["refunded_at"][:10],
            **currency_fields(item.input["amount"]["currency"], self._settings),
            "Line": lines,
            **tax_fields(booked, self._settings.tax),
            "PrivateNote": text.private_note(
                item.input.get("reason", ""), f"Refund of order {item.input['order']['key']}", item.marker
            ),
        }
        if entity == "RefundReceipt":
            account = yield from account_id(self._api, self._settings.refund_account)
            body["DepositToAccountRef"] = {"value": account}
        request = self._api.save(entity, body, item.provider_key("refund"))
        done = yield Call("refund", request, EffectClass.NATIVE_KEY, (item.id,))
        record = record_of(done.answer, entity)
        if total_of(record) != booked.total:
            raise ForAPerson(
                f"QuickBooks made {entity} {record['Id']} {total_of(record)} where the shop says {booked.total};"
                " look at the tax codes in the connection's settings"
            )
        return {item.id: receipt_of(record)}

    def _invoice(self, item: Outbound) -> Steps[Mapping[str, Any]]:
        remote_id = item.needs.get("invoice", "")
        if not remote_id:
            raise ForAPerson("the flow needs the invoice: add `needs: {invoice: {key: .order.key}}`")
        found = yield Call("refund.invoice", self._api.read("Invoice", remote_id))
        if found.answer is None:
            raise ForAPerson(f"invoice {remote_id} is gone from QuickBooks; link its key to another one")
        return record_of(found.answer, "Invoice")

    def find(self, item: Outbound) -> Steps[Found | None]:
        """Both kinds of document are asked for: which one it was depends on what the invoice said then."""
        for entity, total in (("RefundReceipt", money(item.input["amount"])), ("CreditMemo", _worth(item.input))):
            request = self._api.select(entity, f"DocNumber = {quoted(_number(item))}")
            done = yield Call(f"refund.find:{entity}", request)
            found = by_mark_and_total(rows(done.answer, entity), item.marker, total)
            if found is not None:
                return found
        return None


def read_refund(
    refund: Mapping[str, Any], invoice: Mapping[str, Any], settings: QuickBooksSettings
) -> tuple[Booked, str]:
    """What to book, and as which document. Where no money left, the goods that came back lessen what is still owed;
    where nothing is owed either, the total is zero. Raises ForAPerson where the parts do not make the amount."""
    included = bool(refund.get("taxes_included"))
    lines = [read_line(line, _title(line), taxes_included=included) for line in refund["lines"]]
    tax = money(refund["tax_total"])
    shipping = money(refund.get("shipping"))
    if shipping:
        shipping_tax = tax - sum((line.tax for line in lines), NOTHING)
        net = shipping - (shipping_tax if included else NOTHING)
        lines.append(Line("shipping", "Shipping", net, shipping_tax))
    amount = money(refund["amount"])
    if amount:
        adjustment = money(refund.get("adjustment"))
        if adjustment:
            lines.append(Line("adjustment", "Refund adjustment", adjustment))
        return settled(lines, tax, amount, settings.rounding_limit), "RefundReceipt"
    owed = Decimal(str(invoice.get("Balance") or 0))
    worth = _worth(refund) if owed else NOTHING
    return settled(lines if worth else (), tax if worth else NOTHING, worth, settings.rounding_limit), "CreditMemo"


def _worth(refund: Mapping[str, Any]) -> Decimal:
    """What the goods and the shipping of a refund cost, tax included."""
    whole = sum((money(line["amount"]) for line in refund["lines"]), NOTHING) + money(refund.get("shipping"))
    return whole if refund.get("taxes_included") else whole + money(refund["tax_total"])


def _title(line: Mapping[str, Any]) -> str:
    return str(line.get("title") or line.get("sku") or f"Line {line['line']}")


def _number(item: Outbound) -> str:
    named = item.input.get("reference") or text.short_id(item.key)
    tail = f"-{item.revision}" if item.revision else ""
    return text.number(f"R-{named}", text.DOC_NUMBER - len(tail)) + tail
