"""Webhook bodies: full REST-shaped records (snake_case, numeric ids, money as strings, the shop's UTC offset).

Sources: shopify.dev, "Webhooks", structure of a delivery; recorded `orders/create` bodies of 2025.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from crossdock.sandbox.shopify.money import ZERO, rest_amount, rounded
from crossdock.sandbox.shopify.order import (
    Line,
    Order,
    Refund,
    Shipping,
    Tax,
    Totals,
    Transaction,
    current,
    financial_status,
    is_for_all,
    line_amounts,
    net_payment,
    outstanding,
    shipping_taxes,
    sold,
)
from crossdock.sandbox.shopify.shop import Address, Customer, Product, Shop, gid

Body = dict[str, Any]


def instant(shop: Shop, at: int | None) -> str | None:
    """`2025-01-23T23:10:15-05:00`: whole seconds in the shop's offset."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(shop.settings.zone)).isoformat(timespec="seconds")


class Money:
    """Writes an order's amounts: the plain string in shop currency, and the `_set` with both currencies."""

    def __init__(self, order: Order) -> None:
        self.order = order

    def text(self, amount: Decimal) -> str:
        return rest_amount(amount, self.order.currency)

    def both(self, amount: Decimal) -> Body:
        shown = rounded(amount * self.order.presentment_rate, self.order.presentment_currency)
        return {
            "shop_money": {"amount": self.text(amount), "currency_code": self.order.currency},
            "presentment_money": {
                "amount": rest_amount(shown, self.order.presentment_currency),
                "currency_code": self.order.presentment_currency,
            },
        }

    def pair(self, name: str, amount: Decimal) -> Body:
        return {name: self.text(amount), f"{name}_set": self.both(amount)}


def order_body(shop: Shop, order: Order) -> Body:
    money = Money(order)
    customer = shop.customers.get(order.customer_id or 0)
    return {
        "id": order.id,
        "admin_graphql_api_id": gid("Order", order.id),
        "name": order.name,
        "number": order.number,
        "order_number": 1000 + order.number,
        "confirmed": True,
        "test": order.test,
        "created_at": instant(shop, order.created_at),
        "processed_at": instant(shop, order.processed_at),
        "updated_at": instant(shop, order.updated_at),
        "cancelled_at": instant(shop, order.cancelled_at),
        "cancel_reason": order.cancel_reason.lower() if order.cancel_reason else None,
        "closed_at": instant(shop, order.closed_at),
        "email": order.email,
        "contact_email": order.email or None,
        "phone": order.phone,
        "currency": order.currency,
        "presentment_currency": order.presentment_currency,
        "taxes_included": order.taxes_included,
        "tax_exempt": bool(customer and customer.tax_exempt),
        "estimated_taxes": False,
        "financial_status": financial_status(order),
        "fulfillment_status": None,
        "payment_gateway_names": sorted({part.gateway for part in order.transactions}),
        "note": order.note,
        "note_attributes": [],
        "tags": ", ".join(order.tags),
        "source_identifier": order.source_identifier,
        "source_name": "web",
        "po_number": None,
        "merchant_of_record_app_id": None,
        **_sums(order, money, sold(order), current(order)),
        "tax_lines": _merged_taxes(order, money),
        "discount_applications": [_application(order, index) for index in range(len(order.discounts))],
        "discount_codes": _codes(order, money),
        "line_items": [_line(order, line, money) for line in order.lines],
        "shipping_lines": [_shipping(order, line, money) for line in order.shipping],
        "billing_address": address_body(order.billing_address),
        "shipping_address": address_body(order.shipping_address),
        "customer": customer_body(shop, customer) if customer else None,
        "fulfillments": [],
        "refunds": [refund_body(shop, order, refund) for refund in order.refunds],
    }


def _sums(order: Order, money: Money, whole: Totals, left: Totals) -> Body:
    return {
        **money.pair("total_line_items_price", whole.gross),
        **money.pair("total_discounts", whole.discount),
        **money.pair("subtotal_price", whole.subtotal),
        **money.pair("total_tax", whole.tax),
        **money.pair("total_price", whole.total),
        "total_shipping_price_set": money.both(whole.shipping),
        "total_tip_received": money.text(ZERO),
        "total_outstanding": money.text(outstanding(order)),
        **money.pair("current_subtotal_price", left.subtotal),
        **money.pair("current_total_discounts", left.discount),
        **money.pair("current_total_tax", left.tax),
        **money.pair("current_total_price", left.total),
    }


def _taxes(taxes: tuple[Tax, ...], amounts: tuple[Decimal, ...], money: Money) -> list[Body]:
    return [
        {"title": tax.title, "rate": tax.rate, "channel_liable": False, **money.pair("price", amount)}
        for tax, amount in zip(taxes, amounts, strict=True)
    ]


def _merged_taxes(order: Order, money: Money) -> list[Body]:
    """The order's own `tax_lines`: one per title and rate, over all lines and shipping."""
    merged: dict[Tax, Decimal] = {}
    for line in order.lines:
        for tax, amount in zip(line.taxes, line_amounts(line, line.quantity, order).taxes, strict=True):
            merged[tax] = merged.get(tax, ZERO) + amount
    for carriage in order.shipping:
        for tax, amount in zip(carriage.taxes, shipping_taxes(carriage, carriage.discounted, order), strict=True):
            merged[tax] = merged.get(tax, ZERO) + amount
    return _taxes(tuple(merged), tuple(merged.values()), money)


def _application(order: Order, index: int) -> Body:
    discount = order.discounts[index]
    body: Body = {
        "target_type": discount.target,
        "type": discount.kind,
        "value": f"{discount.value:f}",
        "value_type": discount.value_type,
        "allocation_method": "across",
        "target_selection": "all" if is_for_all(order, index) else "entitled",
    }
    return body | ({"code": discount.title} if discount.kind == "discount_code" else {"title": discount.title})


def _codes(order: Order, money: Money) -> list[Body]:
    found = []
    for index, discount in enumerate(order.discounts):
        if discount.kind == "discount_code":
            given = [amount for line in order.lines for at, amount in line.allocations if at == index]
            kind = "percentage" if discount.value_type == "percentage" else "fixed_amount"
            found.append({"code": discount.title, "amount": money.text(sum(given, ZERO)), "type": kind})
    return found


def _line(order: Order, line: Line, money: Money) -> Body:
    """`total_discount` stays "0.00" although there are discounts: the amounts are in `discount_allocations`."""
    return {
        "id": line.id,
        "admin_graphql_api_id": gid("LineItem", line.id),
        "sku": line.sku,
        "title": line.title,
        "variant_title": line.variant_title,
        "name": f"{line.title} - {line.variant_title}" if line.variant_title else line.title,
        "quantity": line.quantity,
        "current_quantity": line.current_quantity,
        "fulfillable_quantity": line.current_quantity,
        **money.pair("price", line.price),
        **money.pair("total_discount", ZERO),
        "taxable": bool(line.taxes),
        "gift_card": False,
        "requires_shipping": line.requires_shipping,
        "variant_id": line.variant_id,
        "product_id": line.product_id,
        "product_exists": line.product_id is not None,
        "fulfillment_status": None,
        "properties": [],
        "tax_lines": _taxes(line.taxes, line_amounts(line, line.quantity, order).taxes, money),
        "discount_allocations": _allocations(line, money),
    }


def _shipping(order: Order, line: Shipping, money: Money) -> Body:
    return {
        "id": line.id,
        "title": line.title,
        "code": line.code,
        "source": "shopify",
        **money.pair("price", line.price),
        **money.pair("discounted_price", line.discounted),
        "is_removed": line.removed,
        "tax_lines": _taxes(line.taxes, shipping_taxes(line, line.discounted, order), money),
        "discount_allocations": _allocations(line, money),
    }


def _allocations(line: Line | Shipping, money: Money) -> list[Body]:
    return [{**money.pair("amount", amount), "discount_application_index": index} for index, amount in line.allocations]


def refund_body(shop: Shop, order: Order, refund: Refund) -> Body:
    """Shipping given back and unexplained differences are `order_adjustments`, with negative amounts."""
    money = Money(order)
    lines = {line.id: line for line in order.lines}
    adjustments = [
        _adjustment(part.id, order, refund, -part.subtotal, -part.tax, "shipping_refund", money)
        for part in refund.shipping
    ] + [
        _adjustment(part.id, order, refund, part.amount, part.tax, "refund_discrepancy", money)
        for part in refund.adjustments
    ]
    return {
        "id": refund.id,
        "admin_graphql_api_id": gid("Refund", refund.id),
        "order_id": order.id,
        "created_at": instant(shop, refund.created_at),
        "processed_at": instant(shop, refund.created_at),
        "note": refund.note,
        "restock": any(part.restock != "no_restock" for part in refund.lines),
        "refund_line_items": [
            {
                "id": part.id,
                "line_item_id": part.line_id,
                "quantity": part.quantity,
                "restock_type": part.restock,
                "location_id": None,
                "subtotal": part.subtotal,
                "subtotal_set": money.both(part.subtotal),
                "total_tax": part.tax,
                "total_tax_set": money.both(part.tax),
                "line_item": _line(order, lines[part.line_id], money),
            }
            for part in refund.lines
        ],
        "order_adjustments": adjustments,
        "transactions": [_transaction(shop, order, part, money) for part in refund.transactions],
        "duties": [],
    }


def _adjustment(
    number: int, order: Order, refund: Refund, amount: Decimal, tax: Decimal, kind: str, money: Money
) -> Body:
    return {
        "id": number,
        "order_id": order.id,
        "refund_id": refund.id,
        "kind": kind,
        "reason": "Shipping refund" if kind == "shipping_refund" else "Refund discrepancy",
        **money.pair("amount", amount),
        **money.pair("tax_amount", tax),
    }


def _transaction(shop: Shop, order: Order, part: Transaction, money: Money) -> Body:
    return {
        "id": part.id,
        "admin_graphql_api_id": gid("OrderTransaction", part.id),
        "order_id": order.id,
        "kind": part.kind,
        "status": part.status,
        "gateway": part.gateway,
        "amount": money.text(part.amount),
        "currency": order.currency,
        "parent_id": part.parent_id,
        "created_at": instant(shop, part.created_at),
        "processed_at": instant(shop, part.created_at),
        "test": order.test,
    }


def edit_body(shop: Shop, order: Order, edit: Mapping[str, Any]) -> Body:
    """orders/edited carries the edit, not the order: a reader has to fetch the order again."""
    return {
        "order_edit": {
            "id": edit["id"],
            "app_id": 1354745,
            "created_at": instant(shop, order.updated_at),
            "committed_at": instant(shop, order.updated_at),
            "notify_customer": False,
            "order_id": order.id,
            "staff_note": edit["note"],
            "user_id": None,
            "line_items": {"additions": edit["additions"], "removals": edit["removals"]},
            "discounts": {"line_item": {"additions": [], "removals": []}},
            "shipping_lines": {"additions": [], "removals": []},
        }
    }


def customer_body(shop: Shop, customer: Customer) -> Body:
    orders = shop.orders_of(customer.id)
    spent = sum((net_payment(order) for order in orders), ZERO)
    return {
        "id": customer.id,
        "admin_graphql_api_id": gid("Customer", customer.id),
        "created_at": instant(shop, customer.created_at),
        "updated_at": instant(shop, customer.updated_at),
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "email": customer.email,
        "phone": customer.phone,
        "state": "disabled",
        "verified_email": True,
        "note": customer.note,
        "tags": ", ".join(customer.tags),
        "tax_exempt": customer.tax_exempt,
        "tax_exemptions": [],
        "currency": shop.settings.currency,
        "orders_count": len(orders),
        "total_spent": rest_amount(spent, shop.settings.currency),
        "last_order_id": orders[-1].id if orders else None,
        "last_order_name": orders[-1].name if orders else None,
        "addresses": [address_body(customer.address)] if customer.address else [],
        "default_address": address_body(customer.address),
        "email_marketing_consent": None,
        "sms_marketing_consent": None,
    }


def address_body(address: Address | None) -> Body | None:
    if address is None:
        return None
    names = ("first_name", "last_name", "company", "address1", "address2", "city", "province", "province_code", "zip")
    body: Body = {name: address.get(name) for name in (*names, "country", "country_code", "phone")}
    body["name"] = " ".join(part for part in (address.get("first_name"), address.get("last_name")) if part)
    return body


def product_body(shop: Shop, product: Product) -> Body:
    return {
        "id": product.id,
        "admin_graphql_api_id": gid("Product", product.id),
        "created_at": instant(shop, product.created_at),
        "updated_at": instant(shop, product.updated_at),
        "published_at": instant(shop, product.created_at),
        "title": product.title,
        "body_html": product.description,
        "handle": product.handle,
        "vendor": product.vendor,
        "product_type": product.product_type,
        "status": product.status.lower(),
        "tags": ", ".join(product.tags),
        "variants": [
            {
                "id": variant.id,
                "admin_graphql_api_id": gid("ProductVariant", variant.id),
                "product_id": product.id,
                "title": variant.title,
                "sku": variant.sku,
                "price": rest_amount(variant.price, shop.settings.currency),
                "taxable": variant.taxable,
                "position": position,
                "created_at": instant(shop, product.created_at),
                "updated_at": instant(shop, product.updated_at),
            }
            for position, variant in enumerate(product.variants, 1)
        ],
        "options": [{"name": "Title", "position": 1, "values": [variant.title for variant in product.variants]}],
        "images": [],
        "image": None,
    }
