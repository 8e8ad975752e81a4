"""Tax of a sales form.

Sources: Intuit docs, "Manage sales tax" (US: TAX or NON on lines, one code for the transaction, TotalTax sent
overrides what is computed) and "Global tax model" (elsewhere: a real tax code on every line, one TaxLine a
rate). QuickBooks taxes the rounded sum per rate, not each line (quickbooks-ruby issue 547). Unverified, and
strict here: a TotalTax on a form where no line has a rate is refused, since no agency could be owed it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from crossdock.sandbox.quickbooks import problems
from crossdock.sandbox.quickbooks.company import Company, Record, cents
from crossdock.sandbox.quickbooks.fields import (
    MONEY,
    RATE,
    REF,
    Flag,
    Group,
    Many,
    Spec,
    Text,
)
from crossdock.sandbox.quickbooks.lines import NOTHING, Priced

TAX_DETAIL: Final[Mapping[str, Spec]] = {
    "TxnTaxCodeRef": REF,
    "TotalTax": MONEY,
    "TaxLine": Many(
        Group(
            {
                "Amount": MONEY,
                "DetailType": Text(choices=("TaxLineDetail",)),
                "TaxLineDetail": Group(
                    {
                        "TaxRateRef": REF,
                        "PercentBased": Flag(),
                        "TaxPercent": RATE,
                        "NetAmountTaxable": MONEY,
                        "TaxInclusiveAmount": MONEY,
                    }
                ),
            }
        )
    ),
}
US_CODES: Final = ("TAX", "NON")


def taxed(company: Company, form: Record, priced: Priced) -> Record:
    """The form's TxnTaxDetail, with TotalTax and one TaxLine a rate. Raises FaultError: 2500, 6000."""
    given = form.get("TxnTaxDetail") or {}
    if form.get("GlobalTaxCalculation") == "NotApplicable" and not company.settings.is_us:
        return {"TotalTax": NOTHING}
    discount = priced.discount if form.get("ApplyTaxAfterDiscount") else NOTHING
    bases = _taxable_per_code(company, form, priced)
    by_rate = _per_rate(company, _discounted(bases, discount, priced.subtotal))
    inclusive = form.get("GlobalTaxCalculation") == "TaxInclusive" and not company.settings.is_us
    tax_lines = [
        _tax_line(rate, base, company.of("TaxRate")[rate], inclusive=inclusive) for rate, base in by_rate.items()
    ]
    computed = sum((line["Amount"] for line in tax_lines), NOTHING)
    total = _override(given)
    if total is None:
        total = computed
    elif not tax_lines and total:
        raise problems.business("Tax is given but no line of the transaction is taxable", "TxnTaxDetail")
    elif tax_lines:
        tax_lines[-1]["Amount"] += total - computed
    detail: dict[str, Any] = {"TotalTax": total, "TaxLine": tax_lines}
    if ref := given.get("TxnTaxCodeRef"):
        detail["TxnTaxCodeRef"] = ref
    return detail


def _override(given: Record) -> Decimal | None:
    """The tax that the sender says: TotalTax, or the sum of tax lines with amounts; both must agree."""
    lines = [line.get("Amount", NOTHING) for line in given.get("TaxLine") or []]
    total: Decimal | None = given.get("TotalTax")
    if lines and total is not None and sum(lines, NOTHING) != total:
        raise problems.business("TotalTax is not the sum of the tax lines", "TxnTaxDetail.TotalTax")
    return sum(lines, NOTHING) if lines and total is None else total


def _taxable_per_code(company: Company, form: Record, priced: Priced) -> dict[str, Decimal]:
    """What is taxed under which tax code id."""
    if company.settings.is_us:
        return _taxable_in_the_us(company, form, priced)
    bases: dict[str, Decimal] = {}
    for sale in priced.sales:
        if not sale.tax_code:
            raise problems.business(
                "Make sure all your transactions have a GST/HST/VAT rate before you save. "
                "One or more of your transaction lines has no tax code",
                "Line.SalesItemLineDetail.TaxCodeRef",
            )
        code = company.refer("TaxCode", {"value": sale.tax_code}, "Line.SalesItemLineDetail.TaxCodeRef")
        bases[code["Id"]] = bases.get(code["Id"], NOTHING) + sale.gross
    return bases


def _taxable_in_the_us(company: Company, form: Record, priced: Priced) -> dict[str, Decimal]:
    base = NOTHING
    for sale in priced.sales:
        if sale.tax_code not in ("", *US_CODES):
            raise problems.invalid_reference("Line.SalesItemLineDetail.TaxCodeRef")
        if sale.tax_code == "TAX":
            base += sale.amount
    ref = (form.get("TxnTaxDetail") or {}).get("TxnTaxCodeRef")
    code = company.refer("TaxCode", ref, "TxnTaxDetail.TxnTaxCodeRef")["Id"] if ref else "AUTOMATED"
    return {code: base} if base else {}


def _discounted(bases: dict[str, Decimal], discount: Decimal, subtotal: Decimal) -> dict[str, Decimal]:
    """Spreads a discount before tax over the codes by their share; the last one takes what rounding leaves."""
    if not discount or not subtotal:
        return bases
    taxable = sum(bases.values(), NOTHING)
    left = cents(discount * taxable / subtotal)
    reduced: dict[str, Decimal] = {}
    for position, (code, base) in enumerate(bases.items(), 1):
        share = left if position == len(bases) else cents(discount * base / subtotal)
        left -= share
        reduced[code] = base - share
    return reduced


def _per_rate(company: Company, bases: dict[str, Decimal]) -> dict[str, Decimal]:
    by_rate: dict[str, Decimal] = {}
    for code, base in bases.items():
        details = company.of("TaxCode")[code].get("SalesTaxRateList", {}).get("TaxRateDetail", [])
        for detail in details:
            rate = detail["TaxRateRef"]["value"]
            by_rate[rate] = by_rate.get(rate, NOTHING) + base
    return by_rate


def _tax_line(rate_id: str, base: Decimal, rate: Record, *, inclusive: bool) -> Record:
    percent: Decimal = rate["RateValue"]
    amount = cents(base * percent / (100 + percent)) if inclusive else cents(base * percent / 100)
    return {
        "Amount": amount,
        "DetailType": "TaxLineDetail",
        "TaxLineDetail": {
            "TaxRateRef": {"value": rate_id},
            "PercentBased": True,
            "TaxPercent": percent,
            "NetAmountTaxable": base - amount if inclusive else base,
        },
    }
