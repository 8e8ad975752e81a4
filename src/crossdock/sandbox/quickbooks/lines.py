"""Lines of a sales form: what may stand there, and what they add up to.

Sources: Intuit docs, Invoice (line types; a line's Amount is Qty x UnitPrice; SubTotalLineDetail is the
server's); recorded answers (6070 and its rounding); the docs on Preferences (AllowDiscount, AllowShipping).
Group lines and inclusive pricing by discount rate are not played here and are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from crossdock.sandbox.quickbooks import problems
from crossdock.sandbox.quickbooks.company import Company, Record, cents
from crossdock.sandbox.quickbooks.fields import (
    CUSTOM_FIELDS,
    LINKED,
    MONEY,
    RATE,
    READ_ONLY,
    REF,
    Day,
    Flag,
    Group,
    Many,
    Number,
    Spec,
    Text,
)

SHIPPING: Final = "SHIPPING_ITEM_ID"
DISCOUNT: Final = "DiscountLineDetail"
NOTHING: Final = Decimal(0)

SALES_LINE: Final[Mapping[str, Spec]] = {
    "Id": Text(50),
    "LineNum": Number(0),
    "Description": Text(4000),
    "Amount": MONEY,
    "DetailType": Text(choices=("SalesItemLineDetail", "DiscountLineDetail", "SubTotalLineDetail", "DescriptionOnly")),
    "LinkedTxn": LINKED,
    "CustomField": CUSTOM_FIELDS,
    "SalesItemLineDetail": Group(
        {
            "ItemRef": REF,
            "ItemAccountRef": READ_ONLY,
            "ClassRef": REF,
            "Qty": RATE,
            "UnitPrice": RATE,
            "TaxCodeRef": REF,
            "TaxInclusiveAmt": MONEY,
            "ServiceDate": Day(),
        }
    ),
    "DiscountLineDetail": Group(
        {
            "PercentBased": Flag(),
            "DiscountPercent": RATE,
            "DiscountAccountRef": REF,
            "ClassRef": REF,
            "TaxCodeRef": REF,
        }
    ),
    "SubTotalLineDetail": READ_ONLY,
    "SubtotalLineDetail": READ_ONLY,
    "DescriptionLineDetail": Group({"ServiceDate": Day(), "TaxCodeRef": REF}),
}
SALES_LINES: Final = Many(Group(SALES_LINE))


@dataclass(frozen=True, slots=True)
class Sale:
    """One sold line, for the tax: `gross` is TaxInclusiveAmt where prices include tax, else the amount."""

    amount: Decimal
    gross: Decimal
    tax_code: str


@dataclass(frozen=True, slots=True)
class Priced:
    lines: list[Record]
    sales: list[Sale]
    subtotal: Decimal
    discount: Decimal


def price(company: Company, given: list[Record], *, inclusive: bool, day: str) -> Priced:
    """Checks every line and adds them up. Raises FaultError: 2020, 2500, 6000, 6070, 6270."""
    kept = [line for line in given if _kind(line) != "SubTotalLineDetail"]
    if not kept:
        raise problems.missing("Line")
    sales = [
        _sale(company, line, inclusive=inclusive, day=day) for line in kept if _kind(line) == "SalesItemLineDetail"
    ]
    subtotal = sum((sale.amount for sale in sales), NOTHING)
    kept = [_discounting(company, line, subtotal) if _kind(line) == DISCOUNT else line for line in kept]
    discounts = [line["Amount"] for line in kept if _kind(line) == DISCOUNT]
    if len(discounts) > 1:
        raise problems.business("Only one discount line is allowed", "Line")
    return Priced(_numbered(kept, subtotal), sales, subtotal, sum(discounts, NOTHING))


def _kind(line: Record) -> str:
    kind: str | None = line.get("DetailType")
    if kind is None:
        raise problems.missing("Line.DetailType")
    return kind


def _sale(company: Company, line: Record, *, inclusive: bool, day: str) -> Sale:
    detail = line.get("SalesItemLineDetail") or {}
    amount = line.get("Amount")
    if amount is None:
        raise problems.missing("Line.Amount")
    quantity, unit_price = detail.get("Qty"), detail.get("UnitPrice")
    if quantity and unit_price is not None and cents(quantity * unit_price) != amount:
        raise problems.amount_mismatch(f"{amount:,.2f}")
    _check_item(company, detail.get("ItemRef"), day)
    gross = amount
    if inclusive:
        gross = detail.get("TaxInclusiveAmt")
        if gross is None:
            raise problems.business("TaxInclusive needs TaxInclusiveAmt on every line", "Line")
    return Sale(amount, gross, (detail.get("TaxCodeRef") or {}).get("value", ""))


def _check_item(company: Company, ref: Record | None, day: str) -> None:
    element = "Line.SalesItemLineDetail.ItemRef"
    if not ref:
        raise problems.missing(element)
    if ref.get("value") == SHIPPING:
        if not company.settings.allow_shipping:
            raise problems.invalid_reference(element, "shipping is turned off in this company's preferences")
        return
    item = company.refer("Item", ref, element)
    start = item.get("InvStartDate")
    if item["Type"] == "Inventory" and start and day < start:
        raise problems.sold_before_stock(start)


def _discounting(company: Company, line: Record, subtotal: Decimal) -> Record:
    """A discount line: positive, a percentage of the subtotal (the server sets its Amount) or an amount."""
    if not company.settings.allow_discount:
        raise problems.business("Discounts are turned off in this company's preferences", "Line")
    detail = line.get("DiscountLineDetail") or {}
    if ref := detail.get("DiscountAccountRef"):
        company.refer("Account", ref, "Line.DiscountLineDetail.DiscountAccountRef")
    amount: Decimal | None = line.get("Amount")
    if detail.get("PercentBased"):
        percent = detail.get("DiscountPercent")
        if percent is None or not 0 <= percent <= 100:
            raise problems.business("A discount in per cent needs DiscountPercent from 0 to 100", "Line")
        amount = cents(subtotal * percent / 100)
    if amount is None:
        raise problems.missing("Line.Amount")
    if amount < 0:
        raise problems.business("The amount of a discount line must be positive", "Line.Amount")
    return {**line, "Amount": amount}


def _numbered(lines: list[Record], subtotal: Decimal) -> list[Record]:
    """Lines keep the ids they have and get the next free ones; the server's subtotal comes last."""
    taken = {line["Id"] for line in lines if "Id" in line}
    free = (str(number) for number in range(1, 10_000) if str(number) not in taken)
    numbered = [
        {**line, "Id": line.get("Id") or next(free), "LineNum": position} for position, line in enumerate(lines, 1)
    ]
    return [*numbered, {"Amount": subtotal, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}]


def emptied(lines: list[Record]) -> list[Record]:
    """The lines of a voided form: they stay, with nothing on them. Source: Intuit docs, Invoice, void."""
    voided: list[dict[str, Any]] = []
    for line in lines:
        copy = {**line, "Amount": NOTHING}
        if detail := line.get("SalesItemLineDetail"):
            copy["SalesItemLineDetail"] = {**detail, "Qty": NOTHING}
        voided.append(copy)
    return voided
