"""What a new company holds: accounts, tax codes and rates, terms, preferences, company info.

Sources: Intuit docs, Account, TaxCode, TaxRate, Preferences, CompanyInfo; the rates are those of law.
Ids of what is made here are fixed, so that examples can name them.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from crossdock.sandbox.quickbooks import problems
from crossdock.sandbox.quickbooks.company import Company, Record
from crossdock.sandbox.quickbooks.fields import RATE, READ_ONLY, Group, Many, Spec, Text, clean_fields

ACCOUNTS: Final = {
    "1": ("Sales of Product Income", "Income", "SalesOfProductIncome"),
    "2": ("Shipping Income", "Income", "ServiceFeeIncome"),
    "3": ("Discounts given", "Income", "DiscountsRefundsGiven"),
    "4": ("Undeposited Funds", "Other Current Asset", "UndepositedFunds"),
    "5": ("Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable"),
    "6": ("Inventory Asset", "Other Current Asset", "Inventory"),
    "7": ("Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs"),
    "8": ("Chequing", "Bank", "Checking"),
    "9": ("Rounding", "Other Income", "OtherMiscellaneousIncome"),
}
Rates = Mapping[str, tuple[str, Mapping[str, str]]]
TAX_CODES: Final[Mapping[str, Rates]] = {
    "CA": {
        "2": ("Exempt", {}),
        "3": ("Zero-rated", {"GST (zero)": "0"}),
        "4": ("GST", {"GST": "5"}),
        "5": ("HST ON", {"HST (ON)": "13"}),
        "6": ("GST/QST QC - 9.975", {"GST": "5", "QST": "9.975"}),
        "7": ("GST/PST BC", {"GST": "5", "PST (BC)": "7"}),
        "8": ("HST NS", {"HST (NS)": "14"}),
    },
    "GB": {
        "2": ("Exempt", {}),
        "3": ("0.0% Z", {"0.0% Z (Sales)": "0"}),
        "4": ("5.0% R", {"5.0% R (Sales)": "5"}),
        "5": ("20.0% S", {"20.0% S (Sales)": "20"}),
    },
    "AU": {"2": ("GST free", {}), "5": ("GST", {"GST (Sales)": "10"})},
    "US": {"5": ("California", {"California state": "7.25"})},
}
TERMS: Final = {"1": ("Due on receipt", 0), "3": ("Net 30", 30)}
PAYMENT_METHODS: Final = {"1": "Cash", "2": "Cheque", "3": "Credit Card"}
TAX_SERVICE: Final[Mapping[str, Spec]] = {
    "Id": READ_ONLY,
    "TaxCode": Text(100),
    "TaxCodeId": READ_ONLY,
    "TaxRateDetails": Many(
        Group(
            {
                "TaxRateName": Text(100),
                "TaxRateId": READ_ONLY,
                "RateValue": RATE,
                "TaxAgencyId": Text(50),
                "TaxApplicableOn": Text(choices=("Sales",)),
            }
        )
    ),
}


def furnish(company: Company) -> None:
    """Fills an empty company. No change is left to be told of."""
    for id_, (name, kind, subtype) in ACCOUNTS.items():
        company.put(
            "Account",
            {
                "Id": id_,
                "Name": name,
                "FullyQualifiedName": name,
                "AccountType": kind,
                "AccountSubType": subtype,
                "Active": True,
                "SubAccount": False,
                "CurrencyRef": {"value": company.settings.currency},
            },
            "created",
        )
    for id_, (name, rates) in TAX_CODES.get(company.settings.country, {"2": ("Exempt", {})}).items():
        tax_code(company, name, {rate: Decimal(percent) for rate, percent in rates.items()}, id_)
    if company.settings.is_us:
        percent = company.settings.automated_tax_percent
        tax_code(company, "Automated Sales Tax", {"Automated Sales Tax": percent}, "AUTOMATED")
    for id_, (name, days) in TERMS.items():
        company.put("Term", {"Id": id_, "Name": name, "DueDays": days, "Active": True}, "created")
    for id_, name in PAYMENT_METHODS.items():
        company.put("PaymentMethod", {"Id": id_, "Name": name, "Active": True}, "created")
    company.put("CompanyInfo", _company_info(company), "created")
    company.put("Preferences", _preferences(company), "created")
    company.changes.clear()


def tax_code(company: Company, name: str, rates: Mapping[str, Decimal], id_: str | None = None) -> Record:
    """A tax code over rates by name; a rate of the same name and value is shared with other codes."""
    details = [
        {"TaxRateRef": {"value": _rate(company, rate, percent)}, "TaxTypeApplicable": "TaxOnAmount"}
        for rate, percent in rates.items()
    ]
    record: dict[str, Any] = {
        "Name": name,
        "Description": name,
        "Active": True,
        "Taxable": bool(rates),
        "TaxGroup": True,
        "SalesTaxRateList": {"TaxRateDetail": [{**detail, "TaxOrder": order} for order, detail in enumerate(details)]},
        "PurchaseTaxRateList": {"TaxRateDetail": []},
    }
    return company.put("TaxCode", {**record, "Id": id_} if id_ else record, "created")


def _rate(company: Company, name: str, percent: Decimal) -> str:
    for rate in company.every("TaxRate"):
        if rate["Name"] == name and rate["RateValue"] == percent:
            return str(rate["Id"])
    rate = {
        "Name": name,
        "Description": name,
        "Active": True,
        "RateValue": percent,
        "AgencyRef": {"value": "1"},
        "SpecialTaxType": "NONE",
        "DisplayType": "ReadOnly",
    }
    return str(company.put("TaxRate", rate, "created")["Id"])


def _company_info(company: Company) -> Record:
    settings = company.settings
    return {
        "Id": "1",
        "CompanyName": settings.name,
        "LegalName": settings.name,
        "Country": settings.country,
        "FiscalYearStartMonth": "January",
        "SupportedLanguages": "en",
        "DefaultTimeZone": settings.time_zone,
        "CompanyAddr": {"Id": "1", "Country": settings.country},
        "NameValue": [{"Name": "SubscriptionStatus", "Value": "PAID"}],
    }


def _preferences(company: Company) -> Record:
    settings = company.settings
    accounting: dict[str, Any] = {"TrackDepartments": False, "ClassTrackingPerTxn": False}
    if settings.book_close_date:
        accounting["BookCloseDate"] = settings.book_close_date
    return {
        "Id": "1",
        "AccountingInfoPrefs": accounting,
        "SalesFormsPrefs": {
            "CustomTxnNumbers": settings.custom_txn_numbers,
            "AllowDiscount": settings.allow_discount,
            "AllowShipping": settings.allow_shipping,
            "AutoApplyCredit": False,
            "AutoApplyPayments": False,
        },
        "TaxPrefs": {"UsingSalesTax": True, "PartnerTaxEnabled": settings.is_us},
        "CurrencyPrefs": {
            "MultiCurrencyEnabled": settings.multicurrency,
            "HomeCurrency": {"value": settings.currency},
        },
    }


def serve_tax(company: Company, body: Mapping[str, Any]) -> dict[str, Any]:
    """The tax service: makes a code over new rates. Source: Intuit docs, TaxService. Raises FaultError."""
    given = clean_fields(TAX_SERVICE, body)
    name = given.get("TaxCode")
    details = given.get("TaxRateDetails")
    if not name or not details:
        raise problems.missing("TaxRateDetails" if name else "TaxCode")
    if any(code["Name"].lower() == name.lower() for code in company.every("TaxCode")):
        raise problems.duplicate_name("Another tax code is already using this name.")
    for detail in details:
        for field in ("TaxRateName", "RateValue"):
            if detail.get(field) is None:
                raise problems.missing(f"TaxRateDetails.{field}")
    code = tax_code(company, name, {one["TaxRateName"]: one["RateValue"] for one in details})
    rates = code["SalesTaxRateList"]["TaxRateDetail"]
    answered = [
        {**detail, "TaxRateId": rate["TaxRateRef"]["value"]} for detail, rate in zip(details, rates, strict=True)
    ]
    return {"TaxCode": name, "TaxCodeId": code["Id"], "TaxRateDetails": answered}
