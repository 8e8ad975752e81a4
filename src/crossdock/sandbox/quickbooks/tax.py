"""Tax of a sales form.

Sources: Intuit docs, "Manage sales tax" (US: TAX or NON on lines, one code for the transaction, TotalTax sent
overrides what is computed) and "Global tax model" (elsewhere: a real tax code on every line, one TaxLine a
rate). QuickBooks taxes the rounded sum per rate, not each line (quickbooks-ruby issue 547). Unverified, and
strict here: a TotalTax on a form where no line has a rate is refused, since no agency could be owed it; prices
that include tax need TaxInclusiveAmt on every line.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

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
    abroad = not company.settings.is_us
    if form.get("GlobalTaxCalculation") == "NotApplicable" and abroad:
        return {"TotalTax": NOTHING}
    bases = _taxable_per_code(company, form, priced)
    if form.get("ApplyTaxAfterDiscount"):
        whole = sum((sale.gross for sale in priced.sales), NOTHING)
        bases = _discounted(bases, priced.discount, whole)
    inclusive = form.get("GlobalTaxCalculation") == "TaxInclusive" and abroad
    lines = [
        _tax_line(rate, net, company.of("TaxRate")[rate])
        for rate, net in _net_per_rate(company, bases, inclusive=inclusive).items()
    ]
    detail: Record = {"TotalTax": _overridden(given, lines), "TaxLine": lines}
    if ref := given.get("TxnTaxCodeRef"):
        detail["TxnTaxCodeRef"] = ref
    return detail


def _overridden(given: Record, lines: list[Record]) -> Decimal:
    """The total, after what the sender says has gone into the lines: amounts per rate, a total, or neither.

    A total that differs from the sum goes to the last rate that is above zero.
    """
    by_rate = {line["TaxLineDetail"]["TaxRateRef"]["value"]: line for line in lines}
    sent = given.get("TaxLine") or []
    for line in sent:
        rate = ((line.get("TaxLineDetail") or {}).get("TaxRateRef") or {}).get("value", "")
        if rate not in by_rate:
            raise problems.invalid_reference("TxnTaxDetail.TaxLine.TaxLineDetail.TaxRateRef")
        by_rate[rate]["Amount"] = line.get("Amount", NOTHING)
    summed = sum((line["Amount"] for line in lines), NOTHING)
    total: Decimal | None = given.get("TotalTax")
    if total is None or total == summed:
        return summed
    if sent:
        raise problems.business("TotalTax is not the sum of the tax lines", "TxnTaxDetail.TotalTax")
    owed = [line for line in lines if line["TaxLineDetail"]["TaxPercent"]]
    if not owed:
        raise problems.business("Tax is given but no line of the transaction is taxable", "TxnTaxDetail")
    owed[-1]["Amount"] += total - summed
    return total


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


def _discounted(bases: dict[str, Decimal], discount: Decimal, whole: Decimal) -> dict[str, Decimal]:
    """Spreads a discount before tax over the codes by their share of all lines; the last takes the rounding."""
    if not discount or not whole:
        return bases
    left = cents(discount * sum(bases.values(), NOTHING) / whole)
    reduced: dict[str, Decimal] = {}
    for position, (code, base) in enumerate(bases.items(), 1):
        share = left if position == len(bases) else cents(discount * base / whole)
        left -= share
        reduced[code] = base - share
    return reduced


def _net_per_rate(company: Company, bases: dict[str, Decimal], *, inclusive: bool) -> dict[str, Decimal]:
    """What each rate is of; where prices include tax, the net of it, not yet rounded."""
    nets: dict[str, Decimal] = {}
    for code, base in bases.items():
        details = company.of("TaxCode")[code]["SalesTaxRateList"]["TaxRateDetail"]
        rates = [detail["TaxRateRef"]["value"] for detail in details]
        percent = sum((company.of("TaxRate")[rate]["RateValue"] for rate in rates), NOTHING)
        net = base * 100 / (100 + percent) if inclusive else base
        for rate in rates:
            nets[rate] = nets.get(rate, NOTHING) + net
    return nets


def _tax_line(rate_id: str, net: Decimal, rate: Record) -> Record:
    return {
        "Amount": cents(net * rate["RateValue"] / 100),
        "DetailType": "TaxLineDetail",
        "TaxLineDetail": {
            "TaxRateRef": {"value": rate_id},
            "PercentBased": True,
            "TaxPercent": rate["RateValue"],
            "NetAmountTaxable": cents(net),
        },
    }
