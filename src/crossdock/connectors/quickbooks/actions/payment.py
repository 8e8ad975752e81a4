"""Money received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from crossdock.connectors.quickbooks import text
from crossdock.connectors.quickbooks.accounts import account_id
from crossdock.connectors.quickbooks.actions.customer import receipt_of
from crossdock.connectors.quickbooks.actions.form import currency_fields
from crossdock.connectors.quickbooks.actions.invoice import by_mark_and_total
from crossdock.connectors.quickbooks.api import Api, quoted, record_of, rows
from crossdock.connectors.quickbooks.judge import PAYMENT
from crossdock.connectors.quickbooks.lines import NOTHING, money
from crossdock.connectors.quickbooks.settings import QuickBooksSettings
from crossdock.core.connector import Action, Call, Found, ItemId, Outbound, Receipt, Steps
from crossdock.core.effects import EffectClass
from crossdock.core.errors import ForAPerson


class RecordPayment(Action):
    """Books a payment against its invoice; what the invoice no longer takes stays open as the customer's credit.

    In:     `payment`; needs `invoice`. Without an invoice it needs `customer`, and all of it is credit.
    Out:    the payment's Id and SyncToken. A payment that is booked is not booked again, nor changed.
    Finds:  by reference number; certain only if the hub's mark and the amount agree too.
    Errors: 6000 (more than the open balance, because an edit or somebody else's payment came between) is not done: the
            invoice is read again. 6210 (period closed) is refused.
    Source: QuickBooks Online API, Payment; customer and currency are those of the invoice.
    """

    name = "record_payment"
    model = "payment"
    input = "payment"
    effects = (EffectClass.NATIVE_KEY, EffectClass.LOOKUP)
    match = ("reference number with mark and amount",)
    finds = True
    echo = "payment"

    def __init__(self, api: Api, settings: QuickBooksSettings) -> None:
        self._api = api
        self._settings = settings

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        payment = item.input
        if item.remote_id:
            return {item.id: Receipt(item.remote_id, item.remote_version, note="the payment is booked already")}
        if payment.get("test") or not money(payment["amount"]):
            return {item.id: Receipt(note="no money moved: nothing is booked")}
        invoice = yield from self._invoice(item)
        customer = (invoice.get("CustomerRef") or {}).get("value") or item.needs.get("customer")
        if not customer:
            raise ForAPerson("the flow needs the invoice: add `needs: {invoice: {key: .order.key}}`")
        body: dict[str, Any] = {
            "CustomerRef": {"value": customer},
            "TotalAmt": money(payment["amount"]),
            "TxnDate": payment["received_at"][:10],
            "PaymentRefNum": _reference(item),
            **currency_fields(payment["amount"]["currency"], self._settings),
            "PrivateNote": text.private_note(_how(payment), f"From {item.key}", item.marker),
        }
        if self._settings.deposit_account:
            account = yield from account_id(self._api, self._settings.deposit_account)
            body["DepositToAccountRef"] = {"value": account}
        applied = min(money(payment["amount"]), Decimal(str(invoice.get("Balance") or 0)))
        if applied > NOTHING:
            body["Line"] = [
                {"Amount": applied, "LinkedTxn": [{"TxnId": str(invoice["Id"]), "TxnType": "Invoice"}]},
            ]
        request = self._api.save("Payment", body, item.provider_key("payment"))
        done = yield Call(PAYMENT, request, EffectClass.NATIVE_KEY, (item.id,))
        return {item.id: receipt_of(record_of(done.answer, "Payment"))}

    def _invoice(self, item: Outbound) -> Steps[Mapping[str, Any]]:
        remote_id = item.needs.get("invoice", "")
        if not remote_id:
            return {}
        found = yield Call("payment.invoice", self._api.read("Invoice", remote_id))
        if found.answer is None:
            raise ForAPerson(f"invoice {remote_id} is gone from QuickBooks; link its key to another one")
        return record_of(found.answer, "Invoice")

    def find(self, item: Outbound) -> Steps[Found | None]:
        request = self._api.select("Payment", f"PaymentRefNum = {quoted(_reference(item))}")
        done = yield Call("payment.find", request)
        return by_mark_and_total(rows(done.answer, "Payment"), item.marker, money(item.input["amount"]))


def _reference(item: Outbound) -> str:
    return text.number(item.input.get("reference") or text.short_id(item.key), text.PAYMENT_REF)


def _how(payment: Mapping[str, Any]) -> str:
    return f"{payment['method']} by {payment['gateway']}" if payment.get("gateway") else str(payment["method"])
