"""Invoice, credit memo and refund receipt: three sales forms with one arithmetic.

Sources: Intuit docs, Invoice, CreditMemo, RefundReceipt (required fields, lengths, computed totals, DocNumber
and CustomTxnNumbers); docs on multicurrency (a customer has one currency).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from crossdock.sandbox.quickbooks import problems
from crossdock.sandbox.quickbooks.company import Company, Record, cents
from crossdock.sandbox.quickbooks.fields import (
    ADDRESS,
    COMMON,
    CUSTOM_FIELDS,
    READ_ONLY,
    REF,
    Day,
    Email,
    Flag,
    Group,
    Number,
    Spec,
    Text,
)
from crossdock.sandbox.quickbooks.lines import NOTHING, SALES_LINES, emptied, price
from crossdock.sandbox.quickbooks.tax import TAX_DETAIL, taxed

_SHARED: Final[Mapping[str, Spec]] = {
    **COMMON,
    "DocNumber": Text(21),
    "TxnDate": Day(),
    "PrivateNote": Text(4000),
    "CustomerRef": REF,
    "CurrencyRef": REF,
    "ExchangeRate": Number(10),
    "GlobalTaxCalculation": Text(choices=("TaxExcluded", "TaxInclusive", "NotApplicable")),
    "ApplyTaxAfterDiscount": Flag(),
    "TxnTaxDetail": Group(TAX_DETAIL),
    "Line": SALES_LINES,
    "CustomField": CUSTOM_FIELDS,
    "CustomerMemo": Group({"value": Text(1000)}),
    "BillAddr": ADDRESS,
    "ShipAddr": ADDRESS,
    "BillEmail": Group({"Address": Email(100)}),
    "DepartmentRef": REF,
    "ClassRef": REF,
    "PrintStatus": Text(choices=("NotSet", "NeedToPrint", "PrintComplete")),
    "PaymentMethodRef": REF,
    "TotalAmt": READ_ONLY,
    "Balance": READ_ONLY,
    "HomeTotalAmt": READ_ONLY,
    "HomeBalance": READ_ONLY,
    "LinkedTxn": READ_ONLY,
    "FreeFormAddress": READ_ONLY,
}
INVOICE: Final[Mapping[str, Spec]] = {
    **_SHARED,
    "DueDate": Day(),
    "ShipDate": Day(),
    "TrackingNum": Text(31),
    "ShipMethodRef": REF,
    "ShipFromAddr": ADDRESS,
    "SalesTermRef": REF,
    "BillEmailCc": Group({"Address": Email(200)}),
    "BillEmailBcc": Group({"Address": Email(200)}),
    "EmailStatus": Text(choices=("NotSet", "NeedToSend", "EmailSent")),
    "Deposit": Number(2),
    "DepositToAccountRef": REF,
    "AllowIPNPayment": Flag(),
    "AllowOnlinePayment": Flag(),
    "AllowOnlineCreditCardPayment": Flag(),
    "AllowOnlineACHPayment": Flag(),
    "DeliveryInfo": READ_ONLY,
    "InvoiceLink": READ_ONLY,
    "EInvoiceStatus": READ_ONLY,
    "RecurDataRef": READ_ONLY,
    "TaxExemptionRef": REF,
}
CREDIT_MEMO: Final[Mapping[str, Spec]] = {
    **_SHARED,
    "SalesTermRef": REF,
    "EmailStatus": Text(choices=("NotSet", "NeedToSend", "EmailSent")),
    "RemainingCredit": READ_ONLY,
    "InvoiceRef": REF,
}
REFUND_RECEIPT: Final[Mapping[str, Spec]] = {
    **_SHARED,
    "DepositToAccountRef": REF,
    "PaymentRefNum": Text(21),
    "PaymentType": Text(choices=("Cash", "Check", "CreditCard", "Other")),
    "TxnSource": READ_ONLY,
}


def invoice(company: Company, draft: Record, old: Record | None) -> Record:
    customer = _customer(company, draft)
    if old and old["LinkedTxn"] and old["CustomerRef"]["value"] != customer["Id"]:
        raise problems.business("The customer of an invoice with payments can not be changed", "CustomerRef")
    form = _form(company, "Invoice", draft, old, customer)
    form.setdefault("DueDate", form["TxnDate"])
    form.setdefault("EmailStatus", "NotSet")
    if form["EmailStatus"] == "NeedToSend" and not form.get("BillEmail"):
        raise problems.business("An e-mail address is needed to send the invoice", "BillEmail")
    if ref := form.get("DepositToAccountRef"):
        company.refer("Account", ref, "DepositToAccountRef")
    form["LinkedTxn"] = old["LinkedTxn"] if old else []
    return form


def credit_memo(company: Company, draft: Record, old: Record | None) -> Record:
    form = _form(company, "CreditMemo", draft, old, _customer(company, draft))
    form["LinkedTxn"] = old["LinkedTxn"] if old else []
    form["RemainingCredit"] = form["Balance"]
    return form


def refund_receipt(company: Company, draft: Record, old: Record | None) -> Record:
    """Money leaves an account, so DepositToAccountRef is required; nothing stays open."""
    customer = _customer(company, draft) if draft.get("CustomerRef") else None
    if not draft.get("DepositToAccountRef"):
        raise problems.missing("DepositToAccountRef")
    account = company.refer("Account", draft["DepositToAccountRef"], "DepositToAccountRef")
    if account["AccountType"] not in ("Bank", "Other Current Asset"):
        raise problems.business("Money can be refunded from a bank or other current asset account only")
    form = _form(company, "RefundReceipt", draft, old, customer)
    return {**form, "Balance": NOTHING}


def voided(record: Record) -> Record:
    """Nothing owed and nothing sold; the paper stays. Source: Intuit docs, Invoice, void."""
    empty = {
        **record,
        "Line": emptied(record["Line"]),
        "TxnTaxDetail": {"TotalTax": NOTHING},
        "TotalAmt": NOTHING,
        "Balance": NOTHING,
        "PrivateNote": "Voided",
        "LinkedTxn": [],
    }
    return {**empty, "HomeTotalAmt": NOTHING} if "HomeTotalAmt" in record else empty


def _customer(company: Company, draft: Record) -> Record:
    if not draft.get("CustomerRef"):
        raise problems.missing("CustomerRef")
    return company.refer("Customer", draft["CustomerRef"], "CustomerRef")


def _form(company: Company, kind: str, draft: Record, old: Record | None, customer: Record | None) -> Record:
    """Everything that the server computes. Balance is set as if nothing were linked; links come after."""
    if not draft.get("Line"):
        raise problems.missing("Line")
    day = draft.get("TxnDate") or (old or {}).get("TxnDate") or company.today()
    company.check_open(day, (old or {}).get("TxnDate"))
    inclusive = draft.get("GlobalTaxCalculation") == "TaxInclusive" and not company.settings.is_us
    priced = price(company, draft["Line"], inclusive=inclusive, day=day)
    tax = taxed(company, draft, priced)
    total = priced.subtotal - priced.discount + tax["TotalTax"]
    if inclusive:
        total = sum((sale.gross for sale in priced.sales), NOTHING) - priced.discount
    if total < 0:
        raise problems.business("The total of a transaction can not be negative", "TotalAmt")
    number = _doc_number(company, kind, draft, old)
    form = {
        **draft,
        "TxnDate": day,
        "Line": priced.lines,
        "TxnTaxDetail": tax,
        "TotalAmt": total,
        "Balance": total,
        **currency(company, draft, customer, total),
    }
    if not company.settings.is_us:
        form.setdefault("GlobalTaxCalculation", "TaxExcluded")
    form.setdefault("ApplyTaxAfterDiscount", False)
    if customer:
        form["CustomerRef"] = {"value": customer["Id"], "name": customer["DisplayName"]}
    form.pop("DocNumber", None)
    return {**form, "DocNumber": number} if number else form


def currency(company: Company, draft: Record, customer: Record | None, total: Decimal) -> Record:
    """CurrencyRef, and in a foreign currency ExchangeRate (home units for one foreign unit) and HomeTotalAmt."""
    home = company.settings.currency
    owed = customer["CurrencyRef"]["value"] if customer else home
    asked = (draft.get("CurrencyRef") or {}).get("value", owed)
    if asked != home and not company.settings.multicurrency:
        raise problems.business(f"Multicurrency is off: {asked} is not the home currency {home}", "CurrencyRef")
    if asked != owed:
        raise problems.business(f"The customer's currency is {owed}, not {asked}", "CurrencyRef")
    if asked == home:
        return {"CurrencyRef": {"value": home}}
    rate = draft.get("ExchangeRate") or Decimal(1)
    return {"CurrencyRef": {"value": asked}, "ExchangeRate": rate, "HomeTotalAmt": cents(total * rate)}


def _doc_number(company: Company, kind: str, draft: Record, old: Record | None) -> str | None:
    """Custom numbers: what is sent, refused when taken (6140) while the warning is on; none stays none.

    Without custom numbers, or for AUTO_GENERATE, the next of the company's own; a number that is sent all the
    same is kept unchecked. Source: Intuit docs, DocNumber.
    """
    sent: str | None = draft.get("DocNumber")
    settings = company.settings
    if sent == "AUTO_GENERATE" or (not sent and not settings.custom_txn_numbers):
        kept: str | None = (old or {}).get("DocNumber")
        return kept or _next_number(company, kind)
    if sent and settings.custom_txn_numbers and settings.warn_duplicate_numbers:
        for other in company.every(kind):
            if other.get("DocNumber") == sent and other["Id"] != (old or {}).get("Id"):
                raise problems.duplicate_number(sent, kind)
    return sent


def _next_number(company: Company, kind: str) -> str:
    numbers = (other.get("DocNumber", "") for other in company.every(kind))
    return str(max((int(number) for number in numbers if number.isdecimal()), default=1000) + 1)
