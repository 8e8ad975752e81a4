"""What each side says: the shop's own books, and what QuickBooks and HubSpot hold.

Read from the simulators' admin doors alone. The hub is not asked, nor is anything it knows believed: documents are told
apart by what a bookkeeper sees on them, the order's number, the payment's reference, the customer's e-mail address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who bought. `email` in lower case, `phone` digits only; a guest may have left neither."""

    name: str
    email: str = ""
    phone: str = ""
    known: bool = True
    """has an account with the shop; False = a guest"""

    @property
    def anonymous(self) -> bool:
        return not (self.email or self.phone)


@dataclass(frozen=True, slots=True)
class Sale:
    """One order of the shop, at the end of the day."""

    name: str
    """as printed: #1007"""
    buyer: Buyer
    billed: Decimal
    """what the buyer owed after edits, before refunds; 0 where the order was called off before it was paid"""
    kept: Decimal
    """what is left of it, after refunds too: what the sale was worth"""
    payments: Mapping[str, Decimal] = field(default_factory=dict)
    """transaction → amount"""
    refunds: Mapping[str, Decimal] = field(default_factory=dict)
    """refund → the money that went back with it, above 0"""
    cancelled: bool = False

    @property
    def number(self) -> str:
        return self.name.lstrip("#")

    @property
    def paid(self) -> Decimal:
        return sum(self.payments.values(), NOTHING)

    @property
    def refunded(self) -> Decimal:
        return sum(self.refunds.values(), NOTHING)

    @property
    def called_off(self) -> bool:
        """Before anything was paid: nobody owes anything."""
        return self.cancelled and not self.paid

    @property
    def came_to_nothing(self) -> bool:
        return self.cancelled or (bool(self.paid) and self.refunded >= self.paid)

    @property
    def owed(self) -> Decimal:
        return NOTHING if self.cancelled else max(self.billed - self.paid, NOTHING)


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice, payment, refund receipt or credit memo."""

    id: str
    number: str
    """DocNumber, or a payment's reference"""
    customer: str
    """Id of the customer it is for"""
    total: Decimal
    open: Decimal = NOTHING
    """an invoice's balance, or what a payment has left unapplied"""


@dataclass(frozen=True, slots=True)
class Party:
    """A customer in QuickBooks or a contact in HubSpot."""

    id: str
    name: str
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Deal:
    id: str
    name: str
    amount: Decimal | None
    stage: str
    contacts: tuple[str, ...]

    @property
    def number(self) -> str:
        """The order's, from the deal's name: `Order #1007`."""
        found = re.search(r"\d{4,}", self.name)
        return found.group() if found else ""


@dataclass(frozen=True, slots=True)
class Books:
    """All three sides."""

    sales: Sequence[Sale]
    invoices: Sequence[Document]
    payments: Sequence[Document]
    refunds: Sequence[Document]
    """refund receipts: money that left"""
    customers: Sequence[Party]
    contacts: Sequence[Party]
    deals: Sequence[Deal]


def read_books(
    shopify: Mapping[str, Sequence[Row]], quickbooks: Mapping[str, Sequence[Row]], hubspot: Mapping[str, Sequence[Row]]
) -> Books:
    """From the lists of the admin doors, by kind: `books` and `customers` of the shop; `invoice`, `payment`,
    `refundreceipt` and `customer` of QuickBooks; `contacts` and `deals` of HubSpot."""
    buyers = {row["id"]: _buyer(row) for row in shopify["customers"]}
    return Books(
        sales=[_sale(row, buyers) for row in shopify["books"] if not row["test"]],
        invoices=[_document(row, row.get("DocNumber"), row.get("Balance")) for row in quickbooks["invoice"]],
        payments=[_document(row, row.get("PaymentRefNum"), row.get("UnappliedAmt")) for row in quickbooks["payment"]],
        refunds=[_document(row, row.get("DocNumber"), None) for row in quickbooks["refundreceipt"]],
        customers=[_customer(row) for row in quickbooks["customer"]],
        contacts=[_contact(row) for row in hubspot["contacts"] if not row["archived"]],
        deals=[_deal(row) for row in hubspot["deals"] if not row["archived"]],
    )


def _sale(row: Row, buyers: Mapping[int, Buyer]) -> Sale:
    guest = Buyer(f"the guest of {row['name']}", email=(row["email"] or "").lower(), known=False)
    return Sale(
        name=row["name"],
        buyer=buyers.get(row["customer_id"], guest),
        billed=Decimal(row["billed"]),
        kept=Decimal(row["current"]),
        payments=_movements(row["payments"]),
        refunds=_movements(row["given_back"]),
        cancelled=row["cancelled"],
    )


def _movements(rows: Iterable[Row]) -> dict[str, Decimal]:
    return {str(row["id"]): Decimal(row["amount"]) for row in rows if Decimal(row["amount"])}


def _buyer(row: Row) -> Buyer:
    name = " ".join(filter(None, (row["first_name"], row["last_name"]))).strip()
    return Buyer(name or f"customer {row['id']}", (row["email"] or "").lower(), _digits(row["phone"]))


def _document(row: Row, number: object, left_open: object) -> Document:
    customer = str((row.get("CustomerRef") or {}).get("value") or "")
    return Document(str(row["Id"]), str(number or ""), customer, _money(row.get("TotalAmt")), _money(left_open))


def _customer(row: Row) -> Party:
    email = str((row.get("PrimaryEmailAddr") or {}).get("Address") or "").strip().lower()
    phone = _digits((row.get("PrimaryPhone") or {}).get("FreeFormNumber"))
    return Party(str(row["Id"]), str(row.get("DisplayName") or ""), email, phone)


def _contact(row: Row) -> Party:
    said = row["properties"]
    name = " ".join(filter(None, (said.get("firstname"), said.get("lastname"))))
    return Party(row["id"], name, str(said.get("email") or "").lower(), _digits(said.get("phone")))


def _deal(row: Row) -> Deal:
    said = row["properties"]
    amount = said.get("amount")
    ends = (row.get("associations") or {}).get("contacts") or {}
    contacts = tuple(str(end["id"]) for end in ends.get("results", ()))
    return Deal(
        row["id"],
        str(said.get("dealname") or ""),
        Decimal(amount) if amount else None,
        str(said.get("dealstage") or ""),
        contacts,
    )


def _money(value: object) -> Decimal:
    return Decimal(str(value)) if value is not None else NOTHING


def _digits(value: object) -> str:
    return "".join(char for char in str(value or "") if char.isdecimal())
