"""Payments, and what they do to invoices and credit memos.

Sources: Intuit docs, Payment (TotalAmt required, lines all or none, UnappliedAmt computed, void through
operation=update&include=void); a payment changes the invoice, whose SyncToken rises.
Unverified: an invoice that falls below what was paid frees the surplus as unapplied; a line over nothing links
nothing.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from crossdock.sandbox.quickbooks import problems
from crossdock.sandbox.quickbooks.company import Company, Record
from crossdock.sandbox.quickbooks.fields import (
    COMMON,
    LINKED,
    MONEY,
    READ_ONLY,
    REF,
    Day,
    Group,
    Many,
    Number,
    Spec,
    Text,
)
from crossdock.sandbox.quickbooks.forms import currency
from crossdock.sandbox.quickbooks.lines import NOTHING

PAYMENT: Final[Mapping[str, Spec]] = {
    **COMMON,
    "CustomerRef": REF,
    "TotalAmt": MONEY,
    "TxnDate": Day(),
    "CurrencyRef": REF,
    "ExchangeRate": Number(10),
    "PaymentRefNum": Text(21),
    "PaymentMethodRef": REF,
    "DepositToAccountRef": REF,
    "ARAccountRef": REF,
    "PrivateNote": Text(4000),
    "Line": Many(Group({"Amount": MONEY, "LinkedTxn": LINKED, "LineEx": READ_ONLY})),
    "TxnSource": READ_ONLY,
    "TxnStatus": READ_ONLY,
    "UnappliedAmt": READ_ONLY,
    "HomeTotalAmt": READ_ONLY,
    "ProcessPayment": READ_ONLY,
    "LinkedTxn": READ_ONLY,
    "TaxExemptionRef": REF,
    "TransactionLocationType": Text(50),
}
APPLICABLE: Final = ("Invoice", "CreditMemo")
UNDEPOSITED: Final = "Undeposited Funds"
Links = dict[tuple[str, str], Decimal]
"""Amount applied to each (kind, id)."""


def payment(company: Company, draft: Record, old: Record | None) -> Record:
    """Raises FaultError: 2020, 2500, 6000, 6210."""
    if not draft.get("CustomerRef"):
        raise problems.missing("CustomerRef")
    customer = company.refer("Customer", draft["CustomerRef"], "CustomerRef")
    total: Decimal | None = draft.get("TotalAmt")
    if total is None:
        raise problems.business("TotalAmt is required", "TotalAmt")
    if total < 0:
        raise problems.business("The amount of a payment can not be negative", "TotalAmt")
    day = draft.get("TxnDate") or (old or {}).get("TxnDate") or company.today()
    company.check_open(day, (old or {}).get("TxnDate"))
    links = _checked(company, draft.get("Line") or [], customer, old)
    applied = sum((amount for (kind, _), amount in links.items() if kind == "Invoice"), NOTHING)
    credit = sum((amount for (kind, _), amount in links.items() if kind == "CreditMemo"), NOTHING)
    if applied > total + credit:
        raise problems.business(f"You can't apply more than was received: {applied} of {total + credit}", "Line")
    return {
        **draft,
        "CustomerRef": {"value": customer["Id"], "name": customer["DisplayName"]},
        "TxnDate": day,
        "DepositToAccountRef": _deposit(company, draft),
        "UnappliedAmt": total + credit - applied,
        "Line": _lines(links),
        **currency(company, draft, customer, total),
    }


def links_of(record: Record) -> Links:
    links: Links = {}
    for line in record.get("Line") or []:
        for linked in line.get("LinkedTxn") or []:
            links[linked["TxnType"], linked["TxnId"]] = line["Amount"]
    return links


def relink(company: Company, payment_id: str, before: Links, after: Links) -> None:
    """Brings the forms whose links changed up to date: Balance, LinkedTxn, next SyncToken."""
    for kind, id_ in dict.fromkeys([*before, *after]):
        if before.get((kind, id_)) == after.get((kind, id_)):
            continue
        form = company.of(kind).get(id_)
        if form is None:
            continue
        others = [link for link in form["LinkedTxn"] if link["TxnId"] != payment_id]
        mine = [{"TxnId": payment_id, "TxnType": "Payment"}] if (kind, id_) in after else []
        company.put(kind, settled(company, kind, {**form, "LinkedTxn": others + mine}), "updated")


def settled(company: Company, kind: str, form: Record) -> Record:
    """The form with the Balance that its links leave."""
    balance = form["TotalAmt"] - applied_to(company, kind, form)
    if kind == "CreditMemo":
        return {**form, "Balance": balance, "RemainingCredit": balance}
    return {**form, "Balance": balance}


def applied_to(company: Company, kind: str, form: Record) -> Decimal:
    paid = NOTHING
    for link in form["LinkedTxn"]:
        paid += links_of(company.of("Payment")[link["TxnId"]]).get((kind, form["Id"]), NOTHING)
    return paid


def release(company: Company, invoice: Record, keep: Decimal) -> None:
    """Takes back from the payments of an invoice, newest first, what exceeds `keep`; they hold it unapplied."""
    this = ("Invoice", invoice["Id"])
    surplus = applied_to(company, "Invoice", invoice) - keep
    for link in reversed(invoice["LinkedTxn"]):
        if surplus <= 0:
            return
        paying = company.of("Payment")[link["TxnId"]]
        links = links_of(paying)
        freed = min(surplus, links[this])
        surplus -= freed
        links[this] -= freed
        if not links[this]:
            del links[this]
        unapplied = paying["UnappliedAmt"] + freed
        company.put("Payment", {**paying, "Line": _lines(links), "UnappliedAmt": unapplied}, "updated")


def still_linked(company: Company, invoice: Record) -> list[Record]:
    """Those of an invoice's links whose payment still applies something to it."""
    return [
        link
        for link in invoice["LinkedTxn"]
        if ("Invoice", invoice["Id"]) in links_of(company.of("Payment")[link["TxnId"]])
    ]


def voided(record: Record) -> Record:
    empty = {**record, "TotalAmt": NOTHING, "UnappliedAmt": NOTHING, "Line": [], "PrivateNote": "Voided"}
    return {**empty, "HomeTotalAmt": NOTHING} if "HomeTotalAmt" in record else empty


def _checked(company: Company, lines: Iterable[Record], customer: Record, old: Record | None) -> Links:
    mine = links_of(old) if old else {}
    links: Links = {}
    for line in lines:
        amount: Decimal | None = line.get("Amount")
        if amount is None:
            raise problems.missing("Line.Amount")
        if amount < 0:
            raise problems.business("The amount of a payment line can not be negative", "Line.Amount")
        if len(line.get("LinkedTxn") or []) != 1:
            raise problems.business("A payment line applies to exactly one transaction", "Line.LinkedTxn")
        (link,) = line["LinkedTxn"]
        kind, id_ = link.get("TxnType", ""), link.get("TxnId", "")
        if kind not in APPLICABLE:
            raise problems.invalid_enumeration("Line.LinkedTxn.TxnType", kind)
        if (kind, id_) in links:
            raise problems.business(f"{kind} {id_} is linked twice", "Line.LinkedTxn")
        form = company.of(kind).get(id_)
        if form is None:
            raise problems.invalid_reference("Line.LinkedTxn.TxnId")
        if form["CustomerRef"]["value"] != customer["Id"]:
            raise problems.business("A payment and its invoices must be of one customer", "CustomerRef")
        if amount > form["Balance"] + mine.get((kind, id_), NOTHING):
            raise problems.business(
                f"You can't pay more than the open balance: {amount} of {form['Balance']}", "Line.Amount"
            )
        links[kind, id_] = amount
    return {form: amount for form, amount in links.items() if amount}


def _lines(links: Links) -> list[Record]:
    return [{"Amount": amount, "LinkedTxn": [{"TxnId": id_, "TxnType": kind}]} for (kind, id_), amount in links.items()]


def _deposit(company: Company, draft: Record) -> Record:
    """Undeposited Funds unless said. Source: Intuit docs, Payment.DepositToAccountRef."""
    if ref := draft.get("DepositToAccountRef"):
        account = company.refer("Account", ref, "DepositToAccountRef")
        if account["AccountType"] not in ("Bank", "Other Current Asset"):
            raise problems.business("Money goes to a bank or other current asset account only")
        return {"value": account["Id"], "name": account["Name"]}
    account = next(one for one in company.every("Account") if one["Name"] == UNDEPOSITED)
    return {"value": account["Id"], "name": account["Name"]}
