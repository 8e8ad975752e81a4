"""From a document's lines to QuickBooks' lines, to the cent.

Every line is booked net of discount and tax, and the document's tax is told as one figure. So it does not matter
whether discounts are switched on in the company, or how it rounds: the total is the shop's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from crossdock.connectors.quickbooks import text
from crossdock.connectors.quickbooks.settings import QuickBooksSettings, Tax
from crossdock.core.errors import ForAPerson

CENT = Decimal("0.01")
NOTHING = Decimal(0)
UNIT_PLACES = 5
"""QuickBooks keeps more decimals of a unit price; five divide every everyday amount."""


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    """product, shipping, tip … as in the models, or `adjustment`"""
    description: str
    amount: Decimal
    """net of discount and tax"""
    tax: Decimal = NOTHING
    tax_name: str = ""
    """the line's tax code by name, or its first tax's title"""
    sku: str = ""
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Booked:
    """A document ready for its items: lines + tax = total."""

    lines: tuple[Line, ...]
    tax: Decimal
    total: Decimal


def money(value: Mapping[str, Any] | None) -> Decimal:
    return Decimal(value["amount"]) if value else NOTHING


def read_line(line: Mapping[str, Any], description: str, *, taxes_included: bool) -> Line:
    """A canonical invoice or refund line; its amount loses the tax that it contains."""
    parts = line.get("tax") or ()
    tax = (
        money(line["tax_amount"]) if line.get("tax_amount") else sum((money(part["amount"]) for part in parts), NOTHING)
    )
    return Line(
        kind=line.get("kind", "product"),
        description=description,
        amount=money(line["amount"]) - (tax if taxes_included else NOTHING),
        tax=tax,
        tax_name=line.get("tax_code") or (parts[0]["title"] if parts else ""),
        sku=line.get("sku", ""),
        quantity=Decimal(str(line["quantity"])) if line.get("quantity") is not None else None,
    )


def net(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines without their discount lines, which product lines bear by their share; the last one takes the odd
    cents. What no product line can bear stays a line of its own."""
    discount = sum((line.amount for line in lines if line.kind == "discount"), NOTHING)
    discount_tax = sum((line.tax for line in lines if line.kind == "discount"), NOTHING)
    rest = [line for line in lines if line.kind != "discount"]
    bearers = [line for line in rest if line.kind == "product" and line.amount > 0]
    whole = sum((line.amount for line in bearers), NOTHING)
    if not discount and not discount_tax:
        return tuple(rest)
    if whole < -discount or not bearers:
        return (*rest, Line("discount", "Discount", discount, discount_tax))
    left, borne = discount, []
    for line in bearers:
        share = left if line is bearers[-1] else _cents(discount * line.amount / whole)
        left -= share
        borne.append(replace(line, amount=line.amount + share))
    borne[-1] = replace(borne[-1], tax=borne[-1].tax + discount_tax)
    by_line = iter(borne)
    return tuple(next(by_line) if line.kind == "product" and line.amount > 0 else line for line in rest)


def settled(lines: Sequence[Line], tax: Decimal, total: Decimal, limit: Decimal) -> Booked:
    """The lines, with one that takes the cents by which they miss the total. Raises ForAPerson beyond the limit."""
    missing = total - tax - sum((line.amount for line in lines), NOTHING)
    if abs(missing) > limit:
        raise ForAPerson(
            f"the lines and the tax miss the total of {total} by {missing}, more than the rounding_limit of {limit}"
        )
    kept = tuple(line for line in lines if line.amount or line.kind == "product")
    return Booked((*kept, rounding(missing)) if missing else kept, tax, total)


def rounding(amount: Decimal) -> Line:
    return Line("rounding", "Rounding", amount)


def sales_lines(
    booked: Booked,
    settings: QuickBooksSettings,
    items: Mapping[str, str],
    by_sku: Mapping[str, str],
    billed: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """As QuickBooks words them. `items`: item name → id; `by_sku`: SKU → id; `billed`: what `billed_codes` made of the
    invoice that this document gives back."""
    no_line_is_taxed = not any(line.tax for line in booked.lines)
    made = []
    for line in booked.lines:
        named = getattr(settings.items, line.kind)
        item = (by_sku.get(line.sku) if line.kind == "product" else None) or items[named]
        taxed = bool(line.tax) or (no_line_is_taxed and bool(booked.tax) and line.kind in {"product", "shipping"})
        detail: dict[str, Any] = {
            "ItemRef": {"value": item},
            "TaxCodeRef": {"value": tax_code(line, item, settings.tax, billed or {}, taxed=taxed)},
        }
        made.append(
            {
                "DetailType": "SalesItemLineDetail",
                "Amount": line.amount,
                "Description": text.cut(_description(line, detail), text.DESCRIPTION),
                "SalesItemLineDetail": detail,
            }
        )
    return made


ANY_ITEM = ""


def billed_codes(invoice: Mapping[str, Any], tax: Tax) -> dict[str, str]:
    """Item id → the tax code under which the invoice billed it with tax; ANY_ITEM → the code of all such lines. Only
    where there is one."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for line in invoice.get("Line") or ():
        detail = line.get("SalesItemLineDetail") or {}
        code = str((detail.get("TaxCodeRef") or {}).get("value") or "")
        if code and code != tax.exempt:
            found[str((detail.get("ItemRef") or {}).get("value") or "")].add(code)
            found[ANY_ITEM].add(code)
    return {item: code for item, codes in found.items() if len(codes) == 1 for code in codes}


def tax_code(line: Line, item: str, tax: Tax, billed: Mapping[str, str], *, taxed: bool) -> str:
    if tax.regime == "global" and line.tax_name in tax.codes:
        return tax.codes[line.tax_name]
    if taxed:
        return billed.get(item) or billed.get(ANY_ITEM) or tax.taxable
    return tax.exempt


def _description(line: Line, detail: dict[str, Any]) -> str:
    """Adds quantity and unit price where they multiply to the amount exactly; else the text tells the quantity."""
    quantity = line.quantity
    if quantity is None or quantity <= 0:
        return line.description
    unit = (line.amount / quantity).quantize(Decimal(1).scaleb(-UNIT_PLACES))
    if unit * quantity == line.amount:
        detail["Qty"] = Decimal(f"{quantity.normalize():f}")
        detail["UnitPrice"] = Decimal(f"{unit.normalize():f}")
        return line.description
    return line.description if quantity == 1 else f"{quantity.normalize():f} × {line.description}"


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def skus_in(booked: Booked) -> set[str]:
    return {line.sku for line in booked.lines if line.kind == "product" and line.sku}


def tax_fields(booked: Booked, tax: Tax) -> dict[str, Any]:
    fields: dict[str, Any] = {"TxnTaxDetail": {"TotalTax": booked.tax}}
    if tax.regime == "global":
        fields["GlobalTaxCalculation"] = "TaxExcluded"
    return fields
