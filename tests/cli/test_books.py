"""The demo's bookkeeper finds every error that is planted in books which agree."""

from collections.abc import Callable
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from crossdock.cli.demo.books import read_books
from crossdock.cli.demo.check import Wrong, check, counted
from crossdock.cli.demo.deeds import Deeds
from crossdock.cli.demo.play import Outcome
from crossdock.cli.demo.report import tell
from crossdock.cli.demo.rest import Standing

Lists = dict[str, dict[str, list[dict[str, Any]]]]


def order(number: int, billed: str, **more: Any) -> dict[str, Any]:
    paid = more.pop("paid", billed)
    back = more.pop("refunded", "0.00")
    return {
        "id": number,
        "name": f"#{number}",
        "customer_id": None,
        "email": "",
        "billed": billed,
        "current": more.pop("current", billed),
        "payments": [{"id": number * 10, "amount": paid}] if paid != "0.00" else [],
        "given_back": [{"id": number * 10 + 1, "amount": back}] if back != "0.00" else [],
        "cancelled": False,
        "test": False,
        **more,
    }


def invoice(number: str, total: float, customer: str, **more: Any) -> dict[str, Any]:
    record = {"Id": f"i{number}", "DocNumber": number, "TotalAmt": total, "Balance": 0, **more}
    return record | {"CustomerRef": {"value": customer}}


def payment(reference: str, total: float, customer: str, **more: Any) -> dict[str, Any]:
    record = {"Id": f"p{reference}", "PaymentRefNum": reference, "TotalAmt": total, "UnappliedAmt": 0, **more}
    return record | {"CustomerRef": {"value": customer}}


def deal(number: str, amount: str, stage: str, *contacts: str) -> dict[str, Any]:
    ends = {"contacts": {"results": [{"id": one, "type": "deal_to_contact"} for one in contacts]}} if contacts else {}
    said = {"dealname": f"Order #{number}", "amount": amount, "dealstage": stage}
    return {"id": f"d{number}", "properties": said, "archived": False, "associations": ends}


def contact(id_: str, **said: str) -> dict[str, Any]:
    return {"id": id_, "properties": said, "archived": False, "associations": {}}


def agreeing() -> Lists:
    """Ada, Ben who has only a telephone, two guests without a name; one order open, one called off, one refunded."""
    return {
        "shopify": {
            "customers": [
                {"id": 1, "first_name": "Ada", "last_name": "Byron", "email": "ada@example.com", "phone": None},
                {"id": 2, "first_name": "Ben", "last_name": None, "email": None, "phone": "+15145550001"},
            ],
            "books": [
                order(1001, "92.66", customer_id=1),
                order(1002, "20.00", customer_id=1, paid="0.00"),
                order(1003, "0.00", customer_id=2, paid="0.00", cancelled=True),
                order(1004, "50.00", customer_id=2, refunded="12.50", current="37.50"),
                order(1005, "11.10"),
                order(1006, "9.99"),
            ],
        },
        "quickbooks": {
            "customer": [
                {"Id": "58", "DisplayName": "Ada Byron", "PrimaryEmailAddr": {"Address": "Ada@example.com"}},
                {"Id": "59", "DisplayName": "Ben", "PrimaryPhone": {"FreeFormNumber": "+1 514 555 0001"}},
                {"Id": "60", "DisplayName": "Guest 1005"},
                {"Id": "61", "DisplayName": "Guest 1006"},
                {"Id": "62", "DisplayName": "Somebody of before", "PrimaryEmailAddr": {"Address": "old@example.com"}},
            ],
            "invoice": [
                invoice("1001", 92.66, "58"),
                invoice("1002", 20, "58", Balance=20),
                invoice("1003", 0, "59", PrivateNote="Voided"),
                invoice("1004-000042", 50, "59"),
                invoice("1005", 11.1, "60"),
                invoice("1006", 9.99, "61"),
            ],
            "payment": [
                payment("10010", 92.66, "58"),
                payment("10040", 50, "59"),
                payment("10050", 11.1, "60"),
                payment("10060", 9.99, "61"),
            ],
            "refundreceipt": [{"Id": "r1", "DocNumber": "R-10041", "TotalAmt": 12.5, "CustomerRef": {"value": "59"}}],
        },
        "hubspot": {
            "contacts": [
                contact("501", firstname="Ada", lastname="Byron", email="ada@example.com"),
                contact("502", firstname="Ben", phone="+15145550001"),
            ],
            "deals": [
                deal("1001", "92.66", "closedwon", "501"),
                deal("1002", "20.00", "contractsent", "501"),
                deal("1003", "0", "closedlost", "502"),
                deal("1004", "37.50", "closedwon", "502"),
                deal("1005", "11.10", "closedwon"),
                deal("1006", "9.99", "closedwon"),
            ],
        },
    }


def told(lists: Lists) -> dict[str, int]:
    found = check(read_books(lists["shopify"], lists["quickbooks"], lists["hubspot"]))
    return {wrong: count for wrong, count in counted(found).items() if count}


def test_books_that_agree_are_clean() -> None:
    assert told(agreeing()) == {}


Plant = Callable[[Lists], Any]

PLANTED: dict[str, tuple[Plant, dict[str, int]]] = {
    "an invoice is missing": (lambda x: x["quickbooks"]["invoice"].pop(0), {Wrong.LOST: 1}),
    "an invoice is there twice": (
        lambda x: x["quickbooks"]["invoice"].append(invoice("1001-abcdef", 92.66, "58")),
        {Wrong.DOUBLED: 1},
    ),
    "an invoice is of no order": (
        lambda x: x["quickbooks"]["invoice"].append(invoice("2001", 5, "58")),
        {Wrong.DOUBLED: 1},
    ),
    "an invoice without a number": (
        lambda x: x["quickbooks"]["invoice"].append({"Id": "9", "TotalAmt": 5, "CustomerRef": {"value": "58"}}),
        {Wrong.DOUBLED: 1},
    ),
    "an invoice is a cent off": (
        lambda x: x["quickbooks"]["invoice"][0].update(TotalAmt=92.67),
        {Wrong.CENTS_OFF: 1},
    ),
    "a paid invoice is open": (lambda x: x["quickbooks"]["invoice"][0].update(Balance=0.01), {Wrong.UNSETTLED: 1}),
    "an unpaid invoice is closed": (lambda x: x["quickbooks"]["invoice"][1].update(Balance=0), {Wrong.UNSETTLED: 1}),
    "a called-off order is still demanded": (
        lambda x: x["quickbooks"]["invoice"][2].update(TotalAmt=30, Balance=30),
        {Wrong.CENTS_OFF: 1},
    ),
    "an invoice is on another's account": (
        lambda x: x["quickbooks"]["invoice"][0].update(CustomerRef={"value": "62"}),
        {Wrong.LOST: 1},
    ),
    "two nameless guests share an account": (
        lambda x: x["quickbooks"]["invoice"][5].update(CustomerRef={"value": "60"}),
        {Wrong.LOST: 1},
    ),
    "a payment is missing": (lambda x: x["quickbooks"]["payment"].pop(0), {Wrong.LOST: 1}),
    "a payment is there twice": (
        lambda x: x["quickbooks"]["payment"].append(payment("10010", 92.66, "58", UnappliedAmt=92.66)),
        {Wrong.DOUBLED: 1},
    ),
    "a payment never happened": (
        lambda x: x["quickbooks"]["payment"].append(payment("77", 1, "58")),
        {Wrong.DOUBLED: 1},
    ),
    "a payment is a cent off": (lambda x: x["quickbooks"]["payment"][0].update(TotalAmt=92.65), {Wrong.CENTS_OFF: 1}),
    "a payment lies unapplied": (lambda x: x["quickbooks"]["payment"][1].update(UnappliedAmt=50), {Wrong.UNSETTLED: 1}),
    "a refund is missing": (lambda x: x["quickbooks"]["refundreceipt"].clear(), {Wrong.LOST: 1}),
    "a refund is there twice": (
        lambda x: x["quickbooks"]["refundreceipt"].append(x["quickbooks"]["refundreceipt"][0]),
        {Wrong.DOUBLED: 1},
    ),
    "a refund is a cent off": (
        lambda x: x["quickbooks"]["refundreceipt"][0].update(TotalAmt=12.49),
        {Wrong.CENTS_OFF: 1},
    ),
    "a customer is there twice": (
        lambda x: x["quickbooks"]["customer"].append(
            {"Id": "70", "DisplayName": "Ada Byron (1)", "PrimaryEmailAddr": {"Address": "ada@example.com"}}
        ),
        {Wrong.DOUBLED: 1},
    ),
    "a customer with a telephone only is there twice": (
        lambda x: x["quickbooks"]["customer"].append(
            {"Id": "70", "DisplayName": "Ben (2)", "PrimaryPhone": {"FreeFormNumber": "15145550001"}}
        ),
        {Wrong.DOUBLED: 1},
    ),
    "a contact is there twice": (
        lambda x: x["hubspot"]["contacts"].append(contact("509", email="ADA@example.com")),
        {Wrong.DOUBLED: 1},
    ),
    "a contact and so the deal's tie are missing": (
        lambda x: x["hubspot"]["contacts"].pop(1),
        {Wrong.LOST: 3},
    ),
    "a deal is missing": (lambda x: x["hubspot"]["deals"].pop(0), {Wrong.LOST: 1}),
    "a deal is there twice": (
        lambda x: x["hubspot"]["deals"].append(deal("1001", "92.66", "closedwon", "501")),
        {Wrong.DOUBLED: 1},
    ),
    "a deal of no order": (lambda x: x["hubspot"]["deals"].append(deal("3001", "1", "closedwon")), {Wrong.DOUBLED: 1}),
    "a deal is a cent off": (
        lambda x: x["hubspot"]["deals"][0]["properties"].update(amount="92.65"),
        {Wrong.CENTS_OFF: 1},
    ),
    "a deal is won that came to nothing": (
        lambda x: x["hubspot"]["deals"][2]["properties"].update(dealstage="closedwon"),
        {Wrong.UNSETTLED: 1},
    ),
    "a deal is tied to nobody": (
        lambda x: x["hubspot"]["deals"][0].update(associations={}),
        {Wrong.LOST: 1},
    ),
    "a deal is tied to somebody else": (
        lambda x: x["hubspot"]["deals"].__setitem__(0, deal("1001", "92.66", "closedwon", "502")),
        {Wrong.LOST: 1},
    ),
}


@pytest.mark.parametrize("error", PLANTED)
def test_a_planted_error_is_found(error: str) -> None:
    plant, expected = PLANTED[error]
    lists = deepcopy(agreeing())
    plant(lists)
    assert told(lists) == expected


def test_an_invoice_that_was_never_made_is_no_loss_for_an_order_called_off() -> None:
    lists = agreeing()
    del lists["quickbooks"]["invoice"][2]
    assert told(lists) == {}


def test_what_was_paid_too_much_stays_open_as_credit_and_nothing_else_does() -> None:
    lists = agreeing()
    lists["shopify"]["books"][0] |= {"billed": "90.00", "current": "90.00"}
    lists["quickbooks"]["invoice"][0] |= {"TotalAmt": 90}
    lists["hubspot"]["deals"][0]["properties"] |= {"amount": "90.00"}
    assert told(lists) == {Wrong.UNSETTLED: 1}
    lists["quickbooks"]["payment"][0] |= {"UnappliedAmt": 2.66}
    assert told(lists) == {}


# --- what a person reads ----------------------------------------------------------------------------------------


def page(lists: Lists) -> str:
    """The report, as a terminal of 80 columns shows it."""
    books = read_books(lists["shopify"], lists["quickbooks"], lists["hubspot"])
    outcome = Outcome(
        orders=len(books.sales),
        seed=1,
        folder=Path("shop"),
        hub_url="http://127.0.0.1:1",
        admins={},
        books=books,
        findings=check(books),
        standing=Standing(0, 0, 0, 0, {}),
        sums=[],
        before=2,
        known=1,
        happened={"pay_order": 1},
        faults={name: {"429": 1_234} for name in lists},
        webhooks={"sent": 123_456, "duplicates": 7_890, "failed": 4_567},
        crashes=1,
        deeds=Deeds(),
        seconds=61.0,
    )
    console = Console(width=80, file=StringIO(), force_terminal=False)
    tell(outcome, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_nothing_that_is_told_is_cut_off_at_80_columns() -> None:
    lists = agreeing()
    lists["shopify"]["books"][0].update(billed="1234567.89", current="1234567.89")
    said = page(lists)
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= 80
    assert "1,234,567.89" in said


def test_books_that_agree_are_told_as_such_and_each_sum_once() -> None:
    said = page(agreeing())
    assert "Nothing lost, nothing doubled, no cent off, nothing left open." in said
    assert "≠" not in said


def test_a_sum_that_differs_is_shown_as_both_sides_have_it() -> None:
    lists = agreeing()
    lists["quickbooks"]["invoice"][0]["TotalAmt"] = 92.65
    row = next(line for line in page(lists).splitlines() if "#1001" in line)
    assert "92.66" in row
    assert "≠" in row
    assert "≠ 92.65" in page(lists)
