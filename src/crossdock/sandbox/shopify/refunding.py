"""How money goes back: for lines, for shipping, and for nothing in particular.

Sources: the published schemas, Refund and OrderAdjustment; recorded refusals (more than was bought, more than was
paid).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from crossdock.sandbox.shopify.money import ZERO, rest_amount
from crossdock.sandbox.shopify.order import (
    Adjustment,
    Order,
    Refund,
    RefundLine,
    RefundShipping,
    Shipping,
    Transaction,
    line_amounts,
    net_payment,
    outstanding,
    shipping_taxes,
)
from crossdock.sandbox.shopify.shop import Shop
from crossdock.sandbox.simulator import SeedError

Details = Mapping[str, Any]


def rest_of(order: Order, note: str) -> Details:
    """The refund that gives back everything received so far."""
    return {
        "lines": [
            {"line": position, "quantity": line.current_quantity, "restock": "cancel"}
            for position, line in enumerate(order.lines)
            if line.current_quantity
        ],
        "shipping": True,
        "amount": str(net_payment(order)),
        "note": note,
    }


class _Returned(NamedTuple):
    """Units of a line, and what they were worth: the difference between the units kept before and after."""

    position: int
    quantity: int
    restock: Any
    subtotal: Decimal
    tax: Decimal


class _Carriage(NamedTuple):
    """A part of a shipping line's charge."""

    position: int
    subtotal: Decimal
    tax: Decimal


def make_refund(shop: Shop, order: Order, details: Details, now: float) -> Refund:
    """`lines: [{line, quantity, restock?}]`, `shipping: true | amount`, `amount`, `note`.

    Without `amount` goes back what lines and shipping were worth, or else what an edit left overpaid. Raises
    SeedError with the platform's words.
    """
    returned, carriage = _returned(order, details), _carriage(order, details)
    parts: list[_Returned | _Carriage] = [*returned, *carriage]
    worth = sum((_worth(order, part) for part in parts), ZERO)
    overpaid = max(ZERO, -outstanding(order))
    amount = Decimal(str(details.get("amount", worth if returned or carriage else overpaid)))
    _check(order, amount, bool(returned))
    transactions = _transactions(shop, order, amount, now)
    adjustment = _adjustment(amount - worth, overpaid)
    refund = Refund(
        id=shop.new_id(),
        created_at=int(now),
        note=str(details.get("note", "")),
        lines=tuple(
            RefundLine(
                shop.new_id(), order.lines[part.position].id, part.quantity, part.restock, part.subtotal, part.tax
            )
            for part in returned
        ),
        shipping=tuple(
            RefundShipping(shop.new_id(), order.shipping[part.position].id, part.subtotal, part.tax)
            for part in carriage
        ),
        adjustments=(Adjustment(shop.new_id(), adjustment, ZERO),) if adjustment else (),
        transactions=transactions,
    )
    for line in returned:
        order.lines[line.position].refunded += line.quantity
    for part in carriage:
        order.shipping[part.position].refunded += part.subtotal
    order.transactions.extend(transactions)
    order.refunds.append(refund)
    return refund


def _worth(order: Order, part: _Returned | _Carriage) -> Decimal:
    return part.subtotal if order.taxes_included else part.subtotal + part.tax


def _check(order: Order, amount: Decimal, has_lines: bool) -> None:
    if amount <= 0 and not has_lines:
        raise SeedError(f"{order.name} has nothing to refund")
    if amount > net_payment(order):
        given, net = rest_amount(amount, order.currency), rest_amount(net_payment(order), order.currency)
        raise SeedError(f"Refund amount ${given} is greater than net payment received ${net}")


def _adjustment(unexplained: Decimal, overpaid: Decimal) -> Decimal:
    """What neither lines, shipping nor an overpayment explains: so a refund without lines yields an adjustment."""
    return -(unexplained - min(overpaid, unexplained) if unexplained > 0 else unexplained)


def _returned(order: Order, details: Details) -> list[_Returned]:
    found: list[_Returned] = []
    for part in details.get("lines", ()):
        position, quantity = int(part["line"]), int(part["quantity"])
        if not 0 <= position < len(order.lines) or any(position == other.position for other in found):
            raise SeedError(f"{order.name} has no further line {position}")
        line = order.lines[position]
        if not 0 < quantity <= line.current_quantity:
            raise SeedError("Quantity cannot refund more items than were purchased")
        before = line_amounts(line, line.current_quantity, order)
        after = line_amounts(line, line.current_quantity - quantity, order)
        restock = part.get("restock", "no_restock")
        found.append(_Returned(position, quantity, restock, before.net - after.net, before.tax - after.tax))
    return found


def _carriage(order: Order, details: Details) -> list[_Carriage]:
    """Everything left of every shipping line, or `amount` of the first that has it."""
    wanted = details.get("shipping")
    if not wanted:
        return []
    charged = [(position, line) for position, line in enumerate(order.shipping) if line.left > 0]
    if wanted is True:
        return [_Carriage(position, line.left, _shipping_tax(order, line, line.left)) for position, line in charged]
    amount = Decimal(str(wanted))
    for position, line in charged:
        if 0 < amount <= line.left:
            return [_Carriage(position, amount, _shipping_tax(order, line, amount))]
    raise SeedError(f"{order.name} has no shipping of {amount} left to refund")


def _shipping_tax(order: Order, line: Shipping, amount: Decimal) -> Decimal:
    before, after = shipping_taxes(line, line.left, order), shipping_taxes(line, line.left - amount, order)
    return sum(before, ZERO) - sum(after, ZERO)


def _transactions(shop: Shop, order: Order, amount: Decimal, now: float) -> tuple[Transaction, ...]:
    """Back over the payments it came by, oldest first."""
    rest = amount
    found: list[Transaction] = []
    for sale in [part for part in order.transactions if part.kind == "sale"]:
        back = sum((part.amount for part in order.transactions if part.parent_id == sale.id), ZERO)
        share = min(rest, sale.amount - back)
        if share > 0:
            rest -= share
            found.append(Transaction(shop.new_id(), "refund", share, sale.gateway, int(now), sale.id))
    return tuple(found)
