"""Holds the books against each other, to the cent. Pure: what each side holds in, what is wrong out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from crossdock.cli.demo.books import NOTHING, Books, Buyer, Deal, Document, Party, Sale

T = TypeVar("T")
LOST_STAGE = "closedlost"


class Wrong(StrEnum):
    LOST = "lost"
    """it happened in the shop and is not in the books, or stands on another's account"""
    DOUBLED = "doubled"
    """it is in the books and did not happen in the shop: a second time, or at all"""
    CENTS_OFF = "cents_off"
    """it is there, with another amount"""
    UNSETTLED = "unsettled"
    """the amounts agree, but something is owed in the one that is not in the other"""


@dataclass(frozen=True, slots=True)
class Finding:
    wrong: Wrong
    about: str
    """an order's name, or a record's"""
    what: str


def check(books: Books) -> list[Finding]:
    """Everything that does not agree, order by order; empty when it all does."""
    found = [
        *_invoices(books),
        *_payments(books),
        *_refunds(books),
        *_accounts(books),
        *_contacts(books),
        *_deals(books),
    ]
    return sorted(found, key=lambda one: (one.about, one.wrong))


def counted(findings: Iterable[Finding]) -> dict[str, int]:
    counts = Counter(finding.wrong for finding in findings)
    return {wrong.value: counts[wrong] for wrong in Wrong}


# --- QuickBooks: documents --------------------------------------------------------------------------------------


def _invoices(books: Books) -> Iterator[Finding]:
    by_number = _grouped(books.invoices, lambda invoice: invoice.number.partition("-")[0])
    for sale in books.sales:
        invoices = by_number.pop(sale.number, [])
        yield from _once(sale, "invoice", invoices, sale.billed, needed=not sale.called_off)
        owed = sum((invoice.open for invoice in invoices), NOTHING)
        if len(invoices) == 1 and invoices[0].total == sale.billed and owed != sale.owed:
            yield Finding(Wrong.UNSETTLED, sale.name, f"QuickBooks says {owed} is owed, the shop says {sale.owed}")
    for number, strangers in by_number.items():
        yield from (_stranger(f"invoice {number or invoice.id}", "order") for invoice in strangers)


def _payments(books: Books) -> Iterator[Finding]:
    by_reference = _grouped(books.payments, lambda payment: payment.number)
    for sale in books.sales:
        open_credit, complete = NOTHING, True
        for reference, amount in sale.payments.items():
            payments = by_reference.pop(reference, [])
            yield from _once(sale, f"payment {reference}", payments, amount)
            open_credit += sum((payment.open for payment in payments), NOTHING)
            complete = complete and len(payments) == 1 and payments[0].total == amount
        credit = max(sale.paid - sale.billed, NOTHING)
        if complete and open_credit != credit:
            what = f"QuickBooks holds {open_credit} of its payments unapplied where {credit} was paid too much"
            yield Finding(Wrong.UNSETTLED, sale.name, what)
    for reference, strangers in by_reference.items():
        yield from (_stranger(f"payment {reference or payment.id}", "transaction") for payment in strangers)


def _refunds(books: Books) -> Iterator[Finding]:
    by_number = _grouped(books.refunds, lambda refund: refund.number.removeprefix("R-").partition("-")[0])
    for sale in books.sales:
        for refund, amount in sale.refunds.items():
            yield from _once(sale, f"refund {refund}", by_number.pop(refund, []), amount)
    for number, strangers in by_number.items():
        yield from (_stranger(f"refund receipt {number or refund.id}", "refund") for refund in strangers)


def _once(
    sale: Sale, what: str, documents: Sequence[Document], amount: object, *, needed: bool = True
) -> Iterator[Finding]:
    """The document is there once, with this amount."""
    if not documents and needed:
        yield Finding(Wrong.LOST, sale.name, f"its {what} over {amount} is not in QuickBooks")
    for _ in documents[1:]:
        yield Finding(Wrong.DOUBLED, sale.name, f"its {what} is in QuickBooks {len(documents)} times")
    for document in documents:
        if document.total != amount:
            said = f"its {what} is {document.total} in QuickBooks and {amount} in the shop"
            yield Finding(Wrong.CENTS_OFF, sale.name, said)


def _stranger(document: str, of: str) -> Finding:
    return Finding(Wrong.DOUBLED, document, f"no {of} of the shop explains it")


# --- who: QuickBooks' customers, HubSpot's contacts -------------------------------------------------------------


def _accounts(books: Books) -> Iterator[Finding]:
    """Each buyer has one account in QuickBooks, and every document of an order is on it."""
    customers = {customer.id: customer for customer in books.customers}
    yield from _persons_once(books, books.customers, "QuickBooks customer")
    served: dict[str, set[str]] = defaultdict(set)
    by_number = _grouped(books.invoices, lambda invoice: invoice.number.partition("-")[0])
    for sale in books.sales:
        for invoice in by_number.get(sale.number, []):
            customer = customers.get(invoice.customer)
            if customer is None or not _is(customer, sale.buyer):
                named = f"{customer.name!r}" if customer else "nobody"
                what = f"its invoice is on the account of {named}, not of {sale.buyer.name}"
                yield Finding(Wrong.LOST, sale.name, what)
            if sale.buyer.anonymous:
                served[invoice.customer].add(sale.name)
    for orders in served.values():
        for name in sorted(orders)[1:]:
            yield Finding(Wrong.LOST, name, f"it shares a nameless guest's account with {sorted(orders)[0]}")


def _contacts(books: Books) -> Iterator[Finding]:
    """Each buyer who left an address or a number is a contact, once."""
    yield from _persons_once(books, books.contacts, "HubSpot contact")
    for buyer in dict.fromkeys(sale.buyer for sale in books.sales if not sale.buyer.anonymous):
        if not any(_is(contact, buyer) for contact in books.contacts):
            yield Finding(Wrong.LOST, buyer.name, "there is no HubSpot contact for this buyer")


def _persons_once(books: Books, parties: Sequence[Party], what: str) -> Iterator[Finding]:
    """Nobody twice: by e-mail address, else by telephone number."""
    phones = {sale.buyer.phone for sale in books.sales if not sale.buyer.email and sale.buyer.phone}
    by_email = _grouped((party for party in parties if party.email), lambda party: party.email)
    by_phone = _grouped((party for party in parties if party.phone in phones), lambda party: party.phone)
    for same in (*by_email.values(), *by_phone.values()):
        yield from (Finding(Wrong.DOUBLED, extra.name, f"is a {what} {len(same)} times") for extra in same[1:])


def _is(party: Party, buyer: Buyer) -> bool:
    if buyer.email:
        return party.email == buyer.email
    if buyer.phone:
        return not party.email and party.phone == buyer.phone
    return not party.email


def found(parties: Iterable[Party], buyers: Iterable[Buyer]) -> int:
    """How many of the buyers are among them."""
    parties = list(parties)
    return sum(any(_is(party, buyer) for party in parties) for buyer in buyers)


# --- HubSpot: deals ---------------------------------------------------------------------------------------------


def _deals(books: Books) -> Iterator[Finding]:
    contacts = {contact.id: contact for contact in books.contacts}
    by_number = _grouped(books.deals, lambda deal: deal.number)
    for sale in books.sales:
        deals = by_number.pop(sale.number, [])
        if not deals:
            yield Finding(Wrong.LOST, sale.name, "it has no deal in HubSpot")
        for _ in deals[1:]:
            yield Finding(Wrong.DOUBLED, sale.name, f"it has {len(deals)} deals in HubSpot")
        for deal in deals:
            yield from _deal(sale, deal, contacts)
    for number, strangers in by_number.items():
        yield from (_stranger(f"deal {deal.name or number}", "order") for deal in strangers)


def _deal(sale: Sale, deal: Deal, contacts: Mapping[str, Party]) -> Iterator[Finding]:
    """Worth what the shop kept of the order; lost where it came to nothing."""
    if sale.came_to_nothing != (deal.stage == LOST_STAGE):
        yield Finding(Wrong.UNSETTLED, sale.name, f"its deal stands at {deal.stage!r}")
    if deal.amount != sale.kept:
        yield Finding(Wrong.CENTS_OFF, sale.name, f"its deal is {deal.amount} in HubSpot and {sale.kept} in the shop")
    others = [contacts[one] for one in deal.contacts if one in contacts]
    if sale.buyer.anonymous:
        return
    if not any(_is(contact, sale.buyer) for contact in others):
        yield Finding(Wrong.LOST, sale.name, f"its deal is not tied to the contact of {sale.buyer.name}")


def _grouped(rows: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)
