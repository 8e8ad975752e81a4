"""An order, the changes it can suffer, and its arithmetic to the cent.

Every amount of an order follows from three counts per line: `quantity` (ever ordered), `removed` (by an edit)
and `refunded`. Money for k units is computed in one place, `line_amounts`, and what an edit or a refund takes
away is the difference of two such amounts. So the sums agree whatever happens in whatever order.

Sources: recorded orders of a development store and recorded webhook bodies; the published schemas (what `current` sums
leave out).
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from crossdock.sandbox.shopify.money import ZERO, rounded

FinancialStatus = Literal["pending", "partially_paid", "paid", "partially_refunded", "refunded", "voided"]


@dataclass(frozen=True)
class Tax:
    title: str
    rate: Decimal


@dataclass(frozen=True)
class Discount:
    """A discount application: a rule, not an amount. What it took off is in each line's `allocations`."""

    kind: Literal["discount_code", "automatic", "manual"]
    title: str
    value: Decimal
    value_type: Literal["percentage", "fixed_amount"]
    target: Literal["line_item", "shipping_line"] = "line_item"


@dataclass
class Line:
    id: int
    product_id: int | None
    variant_id: int | None
    title: str
    variant_title: str | None
    sku: str | None
    price: Decimal
    quantity: int
    taxes: tuple[Tax, ...]
    requires_shipping: bool = True
    allocations: tuple[tuple[int, Decimal], ...] = ()
    discounted_quantity: int = 0
    removed: int = 0
    refunded: int = 0

    @property
    def billed_quantity(self) -> int:
        """What the buyer ended up buying: edits counted, refunds not."""
        return self.quantity - self.removed

    @property
    def current_quantity(self) -> int:
        return self.quantity - self.removed - self.refunded


@dataclass
class Shipping:
    id: int
    title: str
    code: str
    price: Decimal
    taxes: tuple[Tax, ...]
    allocations: tuple[tuple[int, Decimal], ...] = ()
    refunded: Decimal = ZERO
    removed: bool = False

    @property
    def discount(self) -> Decimal:
        return sum((amount for _, amount in self.allocations), ZERO)

    @property
    def discounted(self) -> Decimal:
        return self.price - self.discount

    @property
    def left(self) -> Decimal:
        """What of it is still charged."""
        return ZERO if self.removed else self.discounted - self.refunded


@dataclass(frozen=True)
class Amounts:
    """Money for some units of a line. `net` is after discounts and, where prices include tax, still contains it."""

    gross: Decimal
    discount: Decimal
    net: Decimal
    taxes: tuple[Decimal, ...]

    @property
    def tax(self) -> Decimal:
        return sum(self.taxes, ZERO)


@dataclass(frozen=True)
class Transaction:
    id: int
    kind: Literal["sale", "refund"]
    amount: Decimal
    gateway: str
    created_at: int
    parent_id: int | None = None
    status: str = "success"


@dataclass(frozen=True)
class RefundLine:
    id: int
    line_id: int
    quantity: int
    restock: Literal["return", "cancel", "no_restock"]
    subtotal: Decimal
    tax: Decimal


@dataclass(frozen=True)
class RefundShipping:
    id: int
    line_id: int
    subtotal: Decimal
    tax: Decimal


@dataclass(frozen=True)
class Adjustment:
    """Money given back that no line explains; the amount is negative."""

    id: int
    amount: Decimal
    tax: Decimal


@dataclass(frozen=True)
class Refund:
    id: int
    created_at: int
    note: str
    lines: tuple[RefundLine, ...]
    shipping: tuple[RefundShipping, ...]
    adjustments: tuple[Adjustment, ...]
    transactions: tuple[Transaction, ...]


@dataclass
class Order:
    """`presentment_rate` turns a shop amount into the buyer's currency; every booking is in the shop's."""

    id: int
    number: int
    name: str
    created_at: int
    updated_at: int
    processed_at: int
    currency: str
    taxes_included: bool
    lines: list[Line]
    shipping: list[Shipping]
    discounts: tuple[Discount, ...] = ()
    customer_id: int | None = None
    email: str = ""
    phone: str | None = None
    billing_address: dict[str, str | None] | None = None
    shipping_address: dict[str, str | None] | None = None
    presentment_currency: str = ""
    presentment_rate: Decimal = Decimal(1)
    note: str | None = None
    tags: tuple[str, ...] = ()
    source_identifier: str | None = None
    test: bool = False
    edited: bool = False
    cancelled_at: int | None = None
    cancel_reason: str | None = None
    closed_at: int | None = None
    original_total: Decimal = ZERO
    transactions: list[Transaction] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)


@dataclass(frozen=True)
class Totals:
    """One face of an order's sums: `total` = subtotal + shipping + adjustments, and + tax where prices exclude it."""

    gross: Decimal
    discount: Decimal
    subtotal: Decimal
    shipping: Decimal
    tax: Decimal
    adjustments: Decimal
    total: Decimal


def tax_amounts(net: Decimal, taxes: tuple[Tax, ...], included: bool, currency: str) -> tuple[Decimal, ...]:
    """Each tax line rounded on its own, so their sum may differ by cents from rate x subtotal.

    Where prices include tax, a line's share is net x rate / (1 + all rates).
    """
    divisor = 1 + sum((tax.rate for tax in taxes), ZERO) if included else Decimal(1)
    return tuple(rounded(net * tax.rate / divisor, currency) for tax in taxes)


def line_amounts(line: Line, quantity: int, order: Order) -> Amounts:
    """Money for `quantity` units; discounts are spread evenly over the units they were given for."""
    gross = line.price * quantity
    given = sum((amount for _, amount in line.allocations), ZERO)
    share = (
        Decimal(min(quantity, line.discounted_quantity)) / line.discounted_quantity
        if line.discounted_quantity
        else ZERO
    )
    discount = rounded(given * share, order.currency)
    net = gross - discount
    return Amounts(gross, discount, net, tax_amounts(net, line.taxes, order.taxes_included, order.currency))


def shipping_taxes(line: Shipping, amount: Decimal, order: Order) -> tuple[Decimal, ...]:
    """Tax on `amount` of a shipping line; what a refund gives back is, again, a difference of two of these."""
    return tax_amounts(amount, line.taxes, order.taxes_included, order.currency)


def sold(order: Order) -> Totals:
    """As sold, with units an edit added and before anything it removed: `total_price` and its family."""
    amounts = [line_amounts(line, line.quantity, order) for line in order.lines]
    return _totals(order, amounts, [line.discounted for line in order.shipping])


def billed(order: Order) -> Totals:
    """What the buyer finally owed: after edits, before refunds. Nothing for an order cancelled before payment."""
    amounts = [line_amounts(line, line.billed_quantity, order) for line in order.lines]
    return _totals(order, amounts, [ZERO if line.removed else line.discounted for line in order.shipping])


def current(order: Order) -> Totals:
    """What is left of the order: after edits, returns and refunds: `current_total_price` and its family."""
    amounts = [line_amounts(line, line.current_quantity, order) for line in order.lines]
    left = _totals(order, amounts, [line.left for line in order.shipping])
    adjusted = sum((part.amount + part.tax for refund in order.refunds for part in refund.adjustments), ZERO)
    return replace(left, adjustments=adjusted, total=left.total + adjusted)


def _totals(order: Order, amounts: list[Amounts], carriage: list[Decimal]) -> Totals:
    subtotal = sum((part.net for part in amounts), ZERO)
    shipping = sum(carriage, ZERO)
    tax = sum((part.tax for part in amounts), ZERO)
    for line, amount in zip(order.shipping, carriage, strict=True):
        tax += sum(shipping_taxes(line, amount, order), ZERO)
    return Totals(
        gross=sum((part.gross for part in amounts), ZERO),
        discount=sum((part.discount for part in amounts), ZERO) + sum((line.discount for line in order.shipping), ZERO),
        subtotal=subtotal,
        shipping=shipping,
        tax=tax,
        adjustments=ZERO,
        total=subtotal + shipping + (ZERO if order.taxes_included else tax),
    )


def is_for_all(order: Order, index: int) -> bool:
    """Whether a discount application fell on every line that it could fall on."""
    discount = order.discounts[index]
    lines: list[Line] | list[Shipping] = order.shipping if discount.target == "shipping_line" else order.lines
    return all(any(found == index for found, _ in line.allocations) for line in lines)


def received(order: Order) -> Decimal:
    return sum((part.amount for part in order.transactions if part.kind == "sale"), ZERO)


def refunded(order: Order) -> Decimal:
    return sum((part.amount for part in order.transactions if part.kind == "refund"), ZERO)


def net_payment(order: Order) -> Decimal:
    return received(order) - refunded(order)


def outstanding(order: Order) -> Decimal:
    """Still owed by the buyer; negative when an edit left the shop owing money. Nothing once cancelled."""
    return ZERO if order.cancelled_at is not None else current(order).total - net_payment(order)


def financial_status(order: Order) -> FinancialStatus:
    paid, back = received(order), refunded(order)
    if paid == 0:
        return "voided" if order.cancelled_at is not None else ("pending" if current(order).total > 0 else "paid")
    if back >= paid:
        return "refunded"
    if back > 0:
        return "partially_refunded"
    return "partially_paid" if outstanding(order) > 0 else "paid"
