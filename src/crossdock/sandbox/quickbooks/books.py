"""Create, update, void and delete: one request, one transaction.

Source: Intuit docs, "Basic operations": an update needs Id and the current SyncToken; a full update clears the
writable fields that it leaves out, a sparse one changes only those it gives; void and delete take Id and
SyncToken. A refused request changes nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

from crossdock.sandbox.quickbooks import lists, payments, problems
from crossdock.sandbox.quickbooks.company import Company, Record
from crossdock.sandbox.quickbooks.fields import ReadOnly, Spec, clean_fields
from crossdock.sandbox.quickbooks.kinds import Kind
from crossdock.sandbox.quickbooks.lines import NOTHING
from crossdock.sandbox.quickbooks.tax import US_CODES

TAX_REFERENCES: Final = ("DefaultTaxCodeRef", "SalesTaxCodeRef", "PurchaseTaxCodeRef")
REFERENCES: Final = {
    **dict.fromkeys(TAX_REFERENCES, "TaxCode"),
    "SalesTermRef": "Term",
    "PaymentMethodRef": "PaymentMethod",
    "ARAccountRef": "Account",
    "DepartmentRef": "Department",
    "ClassRef": "Class",
    "ShipMethodRef": "ShipMethod",
    "CustomerTypeRef": "CustomerType",
}
"""What each plain reference points at. Departments, classes, ship methods and customer types: there are none."""


def shown(company: Company, kind: Kind, record: Record) -> Record:
    """A record as an answer holds it."""
    return lists.owed_by(company, record) if kind.name == "Customer" else record


def save(company: Company, kind: Kind, body: Mapping[str, Any]) -> Record:
    """Creates, or updates when the body has an Id. Raises FaultError."""
    if kind.complete is None or kind.fields is None:
        raise problems.unsupported(f"create or update of {kind.name}")
    given = clean_fields(kind.fields, body)
    _check_references(company, given)
    old = _current(company, kind, body) if body.get("Id") else None
    draft = _merged(kind.fields, old, given) if old and body.get("sparse") is True else given
    draft = {name: value for name, value in draft.items() if value is not None}
    full = kind.complete(company, draft, old)
    if old:
        full["Id"] = old["Id"]
    return _store(company, kind, full, old, "updated" if old else "created")


def _check_references(company: Company, given: Record) -> None:
    """References that no computation follows must still lead somewhere. Raises 2500."""
    for name, target in REFERENCES.items():
        ref = given.get(name)
        if not ref or (company.settings.is_us and name in TAX_REFERENCES and ref.get("value") in US_CODES):
            continue
        company.refer(target, ref, name)


def void(company: Company, kind: Kind, body: Mapping[str, Any]) -> Record:
    """Raises FaultError."""
    if kind.void is None:
        raise problems.unsupported(f"void of {kind.name}")
    old = _current(company, kind, body)
    company.check_open(old["TxnDate"])
    return _store(company, kind, kind.void(old), old, "voided")


def delete(company: Company, kind: Kind, body: Mapping[str, Any]) -> Record:
    """Raises FaultError."""
    if not kind.transaction:
        raise problems.unsupported(f"delete of {kind.name}")
    old = _current(company, kind, body)
    company.check_open(old["TxnDate"])
    _let_go(company, kind, old)
    company.remove(kind.name, old["Id"])
    return {"status": "Deleted", "domain": "QBO", "Id": old["Id"]}


def _current(company: Company, kind: Kind, body: Mapping[str, Any]) -> Record:
    """The record that the body means, at the state that the body knows. Raises 2020, 610, 5010."""
    for name in ("Id", "SyncToken"):
        if body.get(name) in (None, ""):
            raise problems.missing(name)
    record = company.get(kind.name, str(body["Id"]))
    if str(body["SyncToken"]) != record["SyncToken"]:
        raise problems.stale()
    return record


def _merged(fields: Mapping[str, Spec], old: Record, given: Record) -> Record:
    """What a sparse update leaves: old writable fields under the new ones. New lines compute a new tax."""
    kept = {name: value for name, value in old.items() if name in fields and not isinstance(fields[name], ReadOnly)}
    if "Line" in given and "TxnTaxDetail" in kept:
        kept["TxnTaxDetail"] = {name: value for name, value in kept["TxnTaxDetail"].items() if name == "TxnTaxCodeRef"}
    return {**kept, **given}


def _store(company: Company, kind: Kind, full: Record, old: Record | None, verb: str) -> Record:
    """Writes the record and everything that hangs on it: an invoice's payments, a payment's invoices."""
    if kind.name == "Payment":
        stored = company.put("Payment", full, verb)
        before = payments.links_of(old) if old else {}
        payments.relink(company, stored["Id"], before, payments.links_of(stored))
        return stored
    if kind.name == "Invoice" and old:
        payments.release(company, old, full["TotalAmt"])
        linked = {**full, "LinkedTxn": payments.still_linked(company, old)}
        return company.put("Invoice", payments.settled(company, "Invoice", linked), verb)
    if kind.name == "CreditMemo" and old:
        settled = payments.settled(company, "CreditMemo", full)
        if settled["Balance"] < 0:
            raise problems.business("More of this credit is already applied than would be left", "Line")
        return company.put("CreditMemo", settled, verb)
    return company.put(kind.name, full, verb)


def _let_go(company: Company, kind: Kind, old: Record) -> None:
    """Before a deletion: money applied to an invoice becomes unapplied, a payment's invoices become open."""
    match kind.name:
        case "Invoice":
            payments.release(company, old, NOTHING)
        case "CreditMemo" if old["LinkedTxn"]:
            raise problems.business("This credit is applied; delete the payment that applies it first")
        case "Payment":
            payments.relink(company, old["Id"], payments.links_of(old), {})
