"""Whatever is done to the books, and in whatever order, their sums agree to the cent."""

import copy
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from crossdock.sandbox.clock import StillClock
from crossdock.sandbox.quickbooks import books, payments, setup
from crossdock.sandbox.quickbooks.company import Company, Record, Settings
from crossdock.sandbox.quickbooks.kinds import KINDS
from crossdock.sandbox.quickbooks.problems import FaultError

INVOICE, PAYMENT, CREDIT_MEMO, CUSTOMER = (KINDS[kind] for kind in ("invoice", "payment", "creditmemo", "customer"))
MONEY = st.decimals(min_value=0, max_value=500, places=2)
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["invoice", "edit", "pay", "repay", "credit", "void", "void payment", "delete", "delete payment"]
        ),
        st.integers(0, 10**6),
        MONEY,
        MONEY,
    ),
    max_size=25,
)


class Bookkeeper:
    """Does what it is told where the books allow it; a refusal must leave no trace."""

    def __init__(self) -> None:
        self.company = Company("1", Settings(), StillClock(), Random(1))
        setup.furnish(self.company)
        self.customers = [books.save(self.company, CUSTOMER, {"DisplayName": name})["Id"] for name in ("Ada", "Bea")]

    def do(self, action: str, pick: int, one: Decimal, other: Decimal) -> None:
        before = copy.deepcopy((self.company.records, self.company.gone))
        try:
            with self.company.transaction():
                self._do(action, pick, one, other)
        except FaultError:
            assert (self.company.records, self.company.gone) == before

    def _do(self, action: str, pick: int, one: Decimal, other: Decimal) -> None:
        invoices, paid = list(self.company.every("Invoice")), list(self.company.every("Payment"))
        match action:
            case "invoice" | "credit":
                kind = INVOICE if action == "invoice" else CREDIT_MEMO
                books.save(self.company, kind, self._form(self.customers[pick % 2], one, other, pick))
            case "edit" if invoices:
                old = invoices[pick % len(invoices)]
                form = self._form(old["CustomerRef"]["value"], one, other, pick)
                books.save(self.company, INVOICE, {**form, **known(old)})
            case "pay" if invoices:
                self._pay(invoices[pick % len(invoices)], one, other, {})
            case "repay" if invoices and paid:
                self._pay(invoices[pick % len(invoices)], one, other, known(paid[pick % len(paid)]))
            case "void" if invoices:
                books.void(self.company, INVOICE, known(invoices[pick % len(invoices)]))
            case "delete" if invoices:
                books.delete(self.company, INVOICE, known(invoices[pick % len(invoices)]))
            case "void payment" if paid:
                books.void(self.company, PAYMENT, known(paid[pick % len(paid)]))
            case "delete payment" if paid:
                books.delete(self.company, PAYMENT, known(paid[pick % len(paid)]))

    def _form(self, customer: str, one: Decimal, other: Decimal, pick: int) -> dict[str, Any]:
        codes = ("2", "4", "5", "6")
        lines = [
            {
                "DetailType": "SalesItemLineDetail",
                "Amount": amount,
                "SalesItemLineDetail": {
                    "ItemRef": {"value": "SHIPPING_ITEM_ID"},
                    "TaxCodeRef": {"value": codes[(pick + position) % 4]},
                },
            }
            for position, amount in enumerate((one, other))
        ]
        off = {"DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": True, "DiscountPercent": 7}}
        discount = [off] if pick % 3 == 0 else []
        before_tax = pick % 2 == 0
        return {"CustomerRef": {"value": customer}, "Line": [*lines, *discount], "ApplyTaxAfterDiscount": before_tax}

    def _pay(self, owed: Record, one: Decimal, other: Decimal, known_payment: dict[str, Any]) -> None:
        """Of one amount, some goes to the invoice, now and then too much; an open credit of the customer helps."""
        customer = owed["CustomerRef"]
        applied = [("Invoice", owed["Id"], one if one < 50 else min(one, owed["Balance"]))]
        for memo in self.company.every("CreditMemo"):
            if memo["CustomerRef"]["value"] == customer["value"] and memo["Balance"]:
                applied.append(("CreditMemo", memo["Id"], other if other > 400 else min(other, memo["Balance"])))
                break
        lines = [{"Amount": amount, "LinkedTxn": [{"TxnId": id_, "TxnType": kind}]} for kind, id_, amount in applied]
        body = {"CustomerRef": customer, "TotalAmt": max(one, other), "Line": lines, **known_payment}
        books.save(self.company, PAYMENT, body)


def known(record: Record) -> dict[str, Any]:
    return {"Id": record["Id"], "SyncToken": record["SyncToken"]}


def applied_by_payments(company: Company, kind: str, id_: str) -> Decimal:
    return sum((payments.links_of(one).get((kind, id_), Decimal(0)) for one in company.every("Payment")), Decimal(0))


@settings(max_examples=150, deadline=None)
@given(ACTIONS)
@example([(action, 0, Decimal("0.00"), Decimal("0.00")) for action in ("invoice", "pay", "delete")])
def test_the_sums_agree_after_anything(actions: list[tuple[str, int, Decimal, Decimal]]) -> None:
    keeper = Bookkeeper()
    for action in actions:
        keeper.do(*action)
    company = keeper.company
    for kind in ("Invoice", "CreditMemo"):
        for form in company.every(kind):
            sold = [line["Amount"] for line in form["Line"] if line["DetailType"] == "SalesItemLineDetail"]
            off = [line["Amount"] for line in form["Line"] if line["DetailType"] == "DiscountLineDetail"]
            tax = form["TxnTaxDetail"]
            assert form["TotalAmt"] == sum(sold) - sum(off) + tax["TotalTax"]
            assert tax["TotalTax"] == sum(line["Amount"] for line in tax.get("TaxLine", []))
            assert form["Balance"] == form["TotalAmt"] - applied_by_payments(company, kind, form["Id"])
            assert form["Balance"] >= 0
    for paid in company.every("Payment"):
        links = payments.links_of(paid)
        net = sum((amount if kind == "Invoice" else -amount for (kind, _), amount in links.items()), Decimal(0))
        assert paid["UnappliedAmt"] == paid["TotalAmt"] - net >= 0
        for kind, id_ in links:
            assert paid["Id"] in [link["TxnId"] for link in company.of(kind)[id_]["LinkedTxn"]]
    for customer in company.every("Customer"):
        mine = [one for kind in ("Invoice", "CreditMemo", "Payment") for one in company.every(kind)]
        mine = [one for one in mine if one["CustomerRef"]["value"] == customer["Id"]]
        invoiced = sum(one["TotalAmt"] for one in mine if "DueDate" in one)
        given_back = sum(one["TotalAmt"] for one in mine if "DueDate" not in one)
        assert books.shown(company, CUSTOMER, customer)["Balance"] == invoiced - given_back
