"""The entities that are played, and what may be done with each.

Source: Intuit docs, API reference: name lists are made inactive and never deleted; tax codes and rates are made
by the tax service and never changed; invoice and payment can be voided.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from crossdock.sandbox.quickbooks import forms, lists, payments
from crossdock.sandbox.quickbooks.company import Company, Record
from crossdock.sandbox.quickbooks.fields import Spec

Complete = Callable[[Company, Record, Record | None], Record]
"""(company, writable fields as they shall be, state before or None) → the whole record. Raises FaultError."""


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    complete: Complete | None = None
    """None: read only."""
    fields: Mapping[str, Spec] | None = None
    transaction: bool = False
    void: Callable[[Record], Record] | None = None


_ALL: Final = (
    Kind("Customer", lists.customer, lists.CUSTOMER),
    Kind("Item", lists.item, lists.ITEM),
    Kind("Account", lists.account, lists.ACCOUNT),
    Kind("Invoice", forms.invoice, forms.INVOICE, transaction=True, void=forms.voided),
    Kind("CreditMemo", forms.credit_memo, forms.CREDIT_MEMO, transaction=True),
    Kind("RefundReceipt", forms.refund_receipt, forms.REFUND_RECEIPT, transaction=True),
    Kind("Payment", payments.payment, payments.PAYMENT, transaction=True, void=payments.voided),
    Kind("TaxCode"),
    Kind("TaxRate"),
    Kind("Term"),
    Kind("PaymentMethod"),
    Kind("CompanyInfo"),
    Kind("Preferences"),
)
KINDS: Final[Mapping[str, Kind]] = {kind.name.lower(): kind for kind in _ALL}
"""By lower-case name, as in paths and event types."""
