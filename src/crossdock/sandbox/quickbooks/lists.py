"""Name lists: customer, item, account. They are never deleted, only made inactive.

Sources: Intuit docs, Customer, Item, Account (required fields, lengths, unique names, inactive names get the
suffix " (deleted)"); "Common errors" (6240). Unverified: the code for forbidden characters in a name (6000 here).
"""

from collections.abc import Mapping
from typing import Final

from crossdock.sandbox.quickbooks import problems
from crossdock.sandbox.quickbooks.company import Company, Record
from crossdock.sandbox.quickbooks.fields import (
    ADDRESS,
    COMMON,
    EMAIL,
    PHONE,
    RATE,
    READ_ONLY,
    REF,
    Day,
    Flag,
    Group,
    Spec,
    Text,
)
from crossdock.sandbox.quickbooks.lines import NOTHING

DELETED: Final = " (deleted)"
NAME_PARTS: Final = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")

CUSTOMER: Final[Mapping[str, Spec]] = {
    **COMMON,
    "DisplayName": Text(500),
    "Title": Text(16),
    "GivenName": Text(100),
    "MiddleName": Text(100),
    "FamilyName": Text(100),
    "Suffix": Text(16),
    "CompanyName": Text(100),
    "PrintOnCheckName": Text(110),
    "Notes": Text(2000),
    "Active": Flag(),
    "Taxable": Flag(),
    "Job": Flag(),
    "BillWithParent": Flag(),
    "ParentRef": REF,
    "PrimaryEmailAddr": EMAIL,
    "PrimaryPhone": PHONE,
    "AlternatePhone": PHONE,
    "Mobile": PHONE,
    "Fax": PHONE,
    "WebAddr": Group({"URI": Text(1000)}),
    "BillAddr": ADDRESS,
    "ShipAddr": ADDRESS,
    "CurrencyRef": REF,
    "DefaultTaxCodeRef": REF,
    "SalesTermRef": REF,
    "PaymentMethodRef": REF,
    "ARAccountRef": REF,
    "CustomerTypeRef": REF,
    "PreferredDeliveryMethod": Text(choices=("Print", "Email", "None")),
    "ResaleNum": Text(16),
    "BusinessNumber": Text(10),
    "PrimaryTaxIdentifier": Text(20),
    "OpenBalanceDate": Day(),
    "FullyQualifiedName": READ_ONLY,
    "Balance": READ_ONLY,
    "BalanceWithJobs": READ_ONLY,
    "IsProject": READ_ONLY,
    "Level": READ_ONLY,
    "V4IDPseudonym": READ_ONLY,
    "ClientEntityId": READ_ONLY,
}
ITEM: Final[Mapping[str, Spec]] = {
    **COMMON,
    "Name": Text(100),
    "Sku": Text(100),
    "Description": Text(4000),
    "PurchaseDesc": Text(1000),
    "Type": Text(choices=("Inventory", "NonInventory", "Service")),
    "Active": Flag(),
    "Taxable": Flag(),
    "SalesTaxIncluded": Flag(),
    "PurchaseTaxIncluded": Flag(),
    "UnitPrice": RATE,
    "PurchaseCost": RATE,
    "TrackQtyOnHand": Flag(),
    "QtyOnHand": RATE,
    "InvStartDate": Day(),
    "IncomeAccountRef": REF,
    "ExpenseAccountRef": REF,
    "AssetAccountRef": REF,
    "SalesTaxCodeRef": REF,
    "PurchaseTaxCodeRef": REF,
    "ParentRef": REF,
    "SubItem": Flag(),
    "FullyQualifiedName": READ_ONLY,
    "Level": READ_ONLY,
}
ACCOUNT: Final[Mapping[str, Spec]] = {
    **COMMON,
    "Name": Text(100),
    "AccountType": Text(
        choices=(
            "Accounts Payable",
            "Accounts Receivable",
            "Bank",
            "Cost of Goods Sold",
            "Credit Card",
            "Equity",
            "Expense",
            "Fixed Asset",
            "Income",
            "Long Term Liability",
            "Other Asset",
            "Other Current Asset",
            "Other Current Liability",
            "Other Expense",
            "Other Income",
        )
    ),
    "AccountSubType": Text(100),
    "AcctNum": Text(20),
    "Description": Text(4000),
    "Active": Flag(),
    "SubAccount": Flag(),
    "ParentRef": REF,
    "CurrencyRef": REF,
    "TaxCodeRef": REF,
    "FullyQualifiedName": READ_ONLY,
    "Classification": READ_ONLY,
    "CurrentBalance": READ_ONLY,
    "CurrentBalanceWithSubAccounts": READ_ONLY,
}
_ITEM_ACCOUNTS: Final = {
    "IncomeAccountRef": ("Income", "Other Income"),
    "ExpenseAccountRef": ("Cost of Goods Sold", "Expense", "Other Expense"),
    "AssetAccountRef": ("Other Current Asset",),
}


def customer(company: Company, draft: Record, old: Record | None) -> Record:
    """Raises FaultError: 2020, 2500, 6000, 6240."""
    name = draft.get("DisplayName") or " ".join(draft[part] for part in NAME_PARTS if draft.get(part))
    if not name.strip():
        raise problems.missing("DisplayName")
    name = _settle_name(name, "DisplayName", ":\t\n", active=draft.get("Active", True))
    taken = {other["DisplayName"].lower() for other in _others(company, "Customer", old)}
    if name.lower() in taken | company.other_names:
        raise problems.duplicate_name("Another customer, vendor or employee is already using this name.")
    parent = company.refer("Customer", draft["ParentRef"], "ParentRef") if draft.get("ParentRef") else None
    currency = (draft.get("CurrencyRef") or {}).get("value", company.settings.currency)
    if currency != company.settings.currency and not company.settings.multicurrency:
        raise problems.business(f"Multicurrency is off: {currency} is not the home currency", "CurrencyRef")
    if old and old["CurrencyRef"]["value"] != currency:
        raise problems.business("The currency of a customer can not be changed", "CurrencyRef")
    full = {"Active": True, "Taxable": True, "Job": False, "BillWithParent": False, **draft}
    return {
        **full,
        "DisplayName": name,
        "FullyQualifiedName": f"{parent['FullyQualifiedName']}:{name}" if parent else name,
        "PrintOnCheckName": draft.get("PrintOnCheckName") or draft.get("CompanyName") or name[:110],
        "CurrencyRef": {"value": currency},
        "Balance": NOTHING,
    }


def owed_by(company: Company, record: Record) -> Record:
    """The customer as shown: Balance is what invoices leave open less credit not yet used."""
    this = record["Id"]
    open_ = sum((one["Balance"] for one in _of_customer(company, "Invoice", this)), NOTHING)
    credit = sum((one["Balance"] for one in _of_customer(company, "CreditMemo", this)), NOTHING)
    unapplied = sum((one["UnappliedAmt"] for one in _of_customer(company, "Payment", this)), NOTHING)
    balance = open_ - credit - unapplied
    return {**record, "Balance": balance, "BalanceWithJobs": balance}


def item(company: Company, draft: Record, old: Record | None) -> Record:
    """Raises FaultError: 2020, 2500, 6000, 6240. Selling an item does not change QtyOnHand here."""
    if not draft.get("Name"):
        raise problems.missing("Name")
    name = _settle_name(draft["Name"], "Name", ':\t\n"', active=draft.get("Active", True))
    if name.lower() in {other["Name"].lower() for other in _others(company, "Item", old)}:
        raise problems.duplicate_name("Another item is already using this name.")
    kind = draft.get("Type") or (old or {}).get("Type") or "Service"
    required = ["IncomeAccountRef"]
    if kind == "Inventory":
        required += ["AssetAccountRef", "ExpenseAccountRef", "TrackQtyOnHand", "QtyOnHand", "InvStartDate"]
    for field in required:
        if draft.get(field) in (None, False):
            raise problems.missing(field)
    for field, types in _ITEM_ACCOUNTS.items():
        if ref := draft.get(field):
            account = company.refer("Account", ref, field)
            if account["AccountType"] not in types:
                raise problems.business(f"{field} must be an account of type {' or '.join(types)}", field)
    full = {"Active": True, "Taxable": False, "UnitPrice": NOTHING, "TrackQtyOnHand": False, **draft}
    return {**full, "Name": name, "FullyQualifiedName": name, "Type": kind}


def account(company: Company, draft: Record, old: Record | None) -> Record:
    """Raises FaultError: 2020, 6000, 6240."""
    if not draft.get("Name"):
        raise problems.missing("Name")
    if not draft.get("AccountType"):
        raise problems.missing("AccountType")
    name = _settle_name(draft["Name"], "Name", ':\t\n"', active=draft.get("Active", True))
    if name.lower() in {other["Name"].lower() for other in _others(company, "Account", old)}:
        raise problems.duplicate_name("Another account is already using this name.")
    full = {"Active": True, "SubAccount": False, **draft}
    return {
        **full,
        "Name": name,
        "FullyQualifiedName": name,
        "CurrencyRef": {"value": company.settings.currency},
    }


def _settle_name(name: str, field: str, forbidden: str, *, active: bool) -> str:
    """Blanks around it go; the suffix of an inactive name comes and goes with Active."""
    name = name.strip().removesuffix(DELETED)
    if any(character in name for character in forbidden):
        raise problems.business(f"{field} can not contain a colon, tab, new line or quotation mark", field)
    return name if active else name + DELETED


def _others(company: Company, kind: str, old: Record | None) -> list[Record]:
    return [other for other in company.every(kind) if old is None or other["Id"] != old["Id"]]


def _of_customer(company: Company, kind: str, id_: str) -> list[Record]:
    return [record for record in company.every(kind) if (record.get("CustomerRef") or {}).get("value") == id_]
