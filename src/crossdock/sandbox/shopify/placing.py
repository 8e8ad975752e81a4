"""How a checkout becomes an order: prices, taxes, and discounts spread over lines.

Source: recorded webhook bodies: discounts of an order are spread over lines and stand in `discount_allocations`; tax
is rounded line by line.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossdock.sandbox.shopify.money import ZERO, rounded
from crossdock.sandbox.shopify.order import Discount, Line, Order, Shipping, Tax, sold
from crossdock.sandbox.shopify.shop import Shop
from crossdock.sandbox.simulator import SeedError

Details = Mapping[str, Any]


def make_order(shop: Shop, details: Details, now: float) -> Order:
    """From `lines: [{product, variant?, quantity, price?}]`, `shipping: [{title, code, price}]`,
    `discounts: [{kind, title, value, value_type, target?, line?}]`, `taxes: [{title, rate}]`, `taxes_included`,
    `customer`, `email`, `presentment: {currency, rate}` and addresses. Raises SeedError.
    """
    number = len(shop.orders) + 1
    customer = shop.customers[shop.find("customer", details["customer"])] if details.get("customer") else None
    lines = [make_line(shop, part, details) for part in details["lines"]]
    if not lines:
        raise SeedError("an order needs at least one line")
    shipping = [_shipping(shop, part, details) for part in details.get("shipping", ())]
    discounts = tuple(_discount(part) for part in details.get("discounts", ()))
    for index, part in enumerate(details.get("discounts", ())):
        if discounts[index].target == "shipping_line":
            _take_off_shipping(index, discounts[index], shipping, shop.settings.currency)
        else:
            chosen = lines if part.get("line") is None else [lines[int(part["line"])]]
            _spread(index, discounts[index], chosen, shop.settings.currency)
    presentment = details.get("presentment") or {}
    order = Order(
        id=shop.new_id(),
        number=number,
        name=f"#{1000 + number}",
        created_at=int(now),
        updated_at=int(now),
        processed_at=int(details.get("processed_at") or now),
        currency=shop.settings.currency,
        taxes_included=bool(details.get("taxes_included", False)),
        lines=lines,
        shipping=shipping,
        discounts=discounts,
        customer_id=customer.id if customer else None,
        email=str(details.get("email") or (customer.email if customer else "") or ""),
        phone=details.get("phone"),
        billing_address=details.get("billing_address") or (customer.address if customer else None),
        shipping_address=details.get("shipping_address") or (customer.address if customer else None),
        presentment_currency=str(presentment.get("currency", shop.settings.currency)),
        presentment_rate=Decimal(str(presentment.get("rate", 1))),
        note=details.get("note"),
        tags=tuple(details.get("tags", ())),
        source_identifier=details.get("source_identifier"),
        test=bool(details.get("test", False)),
    )
    order.original_total = sold(order).total
    return order


def make_line(shop: Shop, part: Details, details: Details) -> Line:
    quantity = int(part["quantity"])
    if quantity < 1:
        raise SeedError("a line needs a quantity of at least 1")
    product = shop.products[shop.find("product", part["product"])]
    variant = product.variants[int(part.get("variant", 0))]
    return Line(
        id=shop.new_id(),
        product_id=product.id,
        variant_id=variant.id,
        title=product.title,
        variant_title=None if variant.title == "Default Title" else variant.title,
        sku=variant.sku,
        price=Decimal(str(part.get("price", variant.price))),
        quantity=quantity,
        taxes=_taxes(details) if variant.taxable else (),
    )


def _taxes(details: Details) -> tuple[Tax, ...]:
    return tuple(Tax(str(tax["title"]), Decimal(str(tax["rate"]))) for tax in details.get("taxes", ()))


def _shipping(shop: Shop, part: Details, details: Details) -> Shipping:
    return Shipping(
        id=shop.new_id(),
        title=str(part["title"]),
        code=str(part.get("code", part["title"])),
        price=Decimal(str(part["price"])),
        taxes=_taxes(details),
    )


def _discount(part: Details) -> Discount:
    value = Decimal(str(part["value"]))
    return Discount(part["kind"], str(part["title"]), value, part["value_type"], part.get("target", "line_item"))


def _take_off_shipping(index: int, discount: Discount, lines: list[Shipping], currency: str) -> None:
    for line in lines:
        left = line.discounted
        percentage = discount.value_type == "percentage"
        amount = rounded(left * discount.value / 100, currency) if percentage else min(left, discount.value)
        if amount > 0:
            line.allocations = (*line.allocations, (index, amount))


def _spread(index: int, discount: Discount, lines: list[Line], currency: str) -> None:
    """Order-level discounts are spread over lines by what is left of their price; the last line takes the odd cents."""
    left = [line.price * line.quantity - sum((amount for _, amount in line.allocations), ZERO) for line in lines]
    base = sum(left, ZERO)
    whole = base * discount.value / 100 if discount.value_type == "percentage" else min(discount.value, base)
    whole = rest = rounded(whole, currency)
    for line, price in zip(lines, left, strict=True):
        share = rest if line is lines[-1] else min(rest, rounded(whole * price / base, currency) if base else ZERO)
        share = min(share, price)
        rest -= share
        if share > 0:
            line.allocations = (*line.allocations, (index, share))
            line.discounted_quantity = line.quantity
