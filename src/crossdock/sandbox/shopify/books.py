"""What a bookkeeper must find elsewhere once everything has settled: per order, in the shop's currency."""

from decimal import Decimal
from typing import Any

from crossdock.sandbox.shopify.money import ZERO
from crossdock.sandbox.shopify.order import Order, Refund, billed, current, received, refunded, sold
from crossdock.sandbox.shopify.shop import Shop


def books(shop: Shop) -> list[dict[str, Any]]:
    return [_entry(order) for order in shop.orders.values()]


def _entry(order: Order) -> dict[str, Any]:
    """Amounts are decimal strings with two places.

    `total` is as sold; `billed` after edits and before refunds; `current` what is left after both. An order
    cancelled before payment has nothing billed. `returned` is what lines and shipping given back were worth,
    `adjusted` what was given back for no line: together they are billed - current. `payments` and `given_back` are
    the movements of money that add up to `paid` and `refunded`: a transaction each, a refund each.
    """
    end, left = billed(order), current(order)
    return {
        "id": order.id,
        "name": order.name,
        "currency": order.currency,
        "customer_id": order.customer_id,
        "email": order.email,
        "taxes_included": order.taxes_included,
        "total": _text(sold(order).total),
        "billed": _text(end.total),
        "billed_subtotal": _text(end.subtotal),
        "billed_shipping": _text(end.shipping),
        "billed_tax": _text(end.tax),
        "current": _text(left.total),
        "paid": _text(received(order)),
        "refunded": _text(refunded(order)),
        "payments": [
            {"id": part.id, "amount": _text(part.amount)} for part in order.transactions if part.kind == "sale"
        ],
        "refunds": len(order.refunds),
        "given_back": [{"id": refund.id, "amount": _text(_given_back(refund))} for refund in order.refunds],
        "returned": _text(end.total - left.total + left.adjustments),
        "adjusted": _text(-left.adjustments),
        "edited": order.edited,
        "cancelled": order.cancelled_at is not None,
        "test": order.test,
    }


def _given_back(refund: Refund) -> Decimal:
    return sum((part.amount for part in refund.transactions), ZERO)


def _text(amount: Any) -> str:
    return f"{amount:.2f}"
