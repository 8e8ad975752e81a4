"""Orders, their lines, payments and refunds as GraphQL objects.

Sources: the published Admin GraphQL schemas, Order, LineItem, Refund, OrderTransaction; recorded answers.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from crossdock.sandbox.shopify.money import ZERO, graph_amount, rounded
from crossdock.sandbox.shopify.nodes import (
    Node,
    address_node,
    connected,
    instant,
    later,
    listed,
    product_node,
    variant_node,
)
from crossdock.sandbox.shopify.order import (
    Adjustment,
    Discount,
    Line,
    Order,
    Refund,
    RefundLine,
    RefundShipping,
    Shipping,
    Tax,
    Transaction,
    current,
    financial_status,
    is_for_all,
    line_amounts,
    net_payment,
    outstanding,
    received,
    refunded,
    shipping_taxes,
    sold,
)
from crossdock.sandbox.shopify.shop import Shop, gid


def bag(order: Order, amount: Decimal) -> Node:
    shown = rounded(amount * order.presentment_rate, order.presentment_currency)
    return {
        "shopMoney": {"amount": graph_amount(amount), "currencyCode": order.currency},
        "presentmentMoney": {"amount": graph_amount(shown), "currencyCode": order.presentment_currency},
    }


def order_node(shop: Shop, order: Order, customer: Callable[[], Node | None]) -> Node:
    """`customer` is called when that field is asked for: it may refuse for want of a scope."""
    addresses = (order.billing_address, order.shipping_address)
    billing, shipping = (address_node(address, order.id + side) for side, address in enumerate(addresses))
    return {
        "__typename": "Order",
        "id": gid("Order", order.id),
        "legacyResourceId": str(order.id),
        "name": order.name,
        "number": order.number,
        "createdAt": instant(order.created_at),
        "updatedAt": instant(order.updated_at),
        "processedAt": instant(order.processed_at),
        "cancelledAt": instant(order.cancelled_at),
        "cancelReason": order.cancel_reason,
        "closed": order.closed_at is not None,
        "closedAt": instant(order.closed_at),
        "confirmed": True,
        "edited": order.edited,
        "test": order.test,
        "email": order.email or None,
        "phone": order.phone,
        "note": order.note,
        "tags": list(order.tags),
        "poNumber": None,
        "sourceIdentifier": order.source_identifier,
        "sourceName": "web",
        "customAttributes": [],
        "customer": lambda _info: customer(),
        "billingAddress": billing,
        "shippingAddress": shipping,
        "currencyCode": order.currency,
        "presentmentCurrencyCode": order.presentment_currency,
        "taxesIncluded": order.taxes_included,
        "taxExempt": False,
        "estimatedTaxes": False,
        "displayFinancialStatus": financial_status(order).upper(),
        "displayFulfillmentStatus": "UNFULFILLED",
        "fullyPaid": outstanding(order) <= 0,
        "unpaid": received(order) == 0,
        "paymentGatewayNames": sorted({part.gateway for part in order.transactions}),
        **_sums(order),
        "lineItems": connected((line.id, later(line_node, shop, order, line)) for line in order.lines),
        "shippingLine": shipping_node(order, order.shipping[0]) if order.shipping else None,
        "shippingLines": _shipping_lines(order),
        "discountApplications": connected(
            (index, later(application_node, order, index)) for index in range(len(order.discounts))
        ),
        "discountCodes": _codes(order),
        "discountCode": next(iter(_codes(order)), None),
        "transactions": listed([transaction_node(order, part) for part in order.transactions]),
        "refunds": listed([refund_node(shop, order, refund, customer) for refund in order.refunds]),
    }


def _sums(order: Order) -> Node:
    whole, left = sold(order), current(order)
    discrepancy = sum((-part.amount for refund in order.refunds for part in refund.adjustments), ZERO)
    carriage_back = sum((line.refunded for line in order.shipping), ZERO)
    amounts = {
        "originalTotalPriceSet": order.original_total,
        "subtotalPriceSet": whole.subtotal,
        "totalDiscountsSet": whole.discount,
        "totalShippingPriceSet": whole.shipping,
        "totalTaxSet": whole.tax,
        "totalPriceSet": whole.total,
        "currentSubtotalPriceSet": left.subtotal,
        "currentTotalDiscountsSet": left.discount,
        "currentShippingPriceSet": left.shipping,
        "currentTotalTaxSet": left.tax,
        "currentTotalPriceSet": left.total,
        "totalOutstandingSet": outstanding(order),
        "totalReceivedSet": received(order),
        "totalRefundedSet": refunded(order),
        "totalRefundedShippingSet": carriage_back,
        "refundDiscrepancySet": discrepancy,
        "netPaymentSet": net_payment(order),
        "totalTipReceivedSet": ZERO,
    }
    return {
        **{name: bag(order, amount) for name, amount in amounts.items()},
        "subtotalLineItemsQuantity": sum(line.quantity for line in order.lines),
        "currentSubtotalLineItemsQuantity": sum(line.current_quantity for line in order.lines),
        "taxLines": _merged(
            order, [line.quantity for line in order.lines], [line.discounted for line in order.shipping]
        ),
        "currentTaxLines": _merged(
            order, [line.current_quantity for line in order.lines], [line.left for line in order.shipping]
        ),
    }


def _merged(order: Order, quantities: list[int], carriage: list[Decimal]) -> list[Node]:
    """One tax line per title and rate, over the given units and shipping amounts."""
    merged: dict[Tax, Decimal] = {}
    for line, quantity in zip(order.lines, quantities, strict=True):
        for tax, amount in zip(line.taxes, line_amounts(line, quantity, order).taxes, strict=True):
            merged[tax] = merged.get(tax, ZERO) + amount
    for shipping, charged in zip(order.shipping, carriage, strict=True):
        for tax, amount in zip(shipping.taxes, shipping_taxes(shipping, charged, order), strict=True):
            merged[tax] = merged.get(tax, ZERO) + amount
    return tax_nodes(order, tuple(merged), tuple(merged.values()))


def tax_nodes(order: Order, taxes: tuple[Tax, ...], amounts: tuple[Decimal, ...]) -> list[Node]:
    return [
        {
            "title": tax.title,
            "rate": float(tax.rate),
            "ratePercentage": float(tax.rate * 100),
            "priceSet": bag(order, amount),
            "channelLiable": False,
            "source": None,
        }
        for tax, amount in zip(taxes, amounts, strict=True)
    ]


def _codes(order: Order) -> list[str]:
    return [discount.title for discount in order.discounts if discount.kind == "discount_code"]


_APPLICATIONS = {
    "discount_code": "DiscountCodeApplication",
    "automatic": "AutomaticDiscountApplication",
    "manual": "ManualDiscountApplication",
}


def application_node(order: Order, index: int) -> Node:
    discount = order.discounts[index]
    return {
        "__typename": _APPLICATIONS[discount.kind],
        "index": index,
        "code": discount.title,
        "title": discount.title,
        "description": None,
        "allocationMethod": "ACROSS",
        "targetSelection": "ALL" if is_for_all(order, index) else "ENTITLED",
        "targetType": discount.target.upper(),
        "value": _discount_value(order, discount),
    }


def _discount_value(order: Order, discount: Discount) -> Node:
    if discount.value_type == "percentage":
        return {"__typename": "PricingPercentageValue", "percentage": float(discount.value)}
    return {"__typename": "MoneyV2", "amount": graph_amount(discount.value), "currencyCode": order.currency}


def allocation_nodes(order: Order, line: Line | Shipping) -> list[Node]:
    return [
        {"allocatedAmountSet": bag(order, amount), "discountApplication": application_node(order, index)}
        for index, amount in line.allocations
    ]


def line_node(shop: Shop, order: Order, line: Line) -> Node:
    """`discountAllocations` and `taxLines` are as sold, whatever edits and refunds took away since."""
    amounts = line_amounts(line, line.quantity, order)
    own = sum((part for index, part in line.allocations if order.discounts[index].kind != "discount_code"), ZERO)
    every = sum((part for _, part in line.allocations), ZERO)
    product = shop.products.get(line.product_id or 0)
    variant = next((one for one in product.variants if one.id == line.variant_id), None) if product else None
    each = rounded(amounts.net / line.quantity, order.currency)
    return {
        "__typename": "LineItem",
        "id": gid("LineItem", line.id),
        "title": line.title,
        "variantTitle": line.variant_title,
        "name": f"{line.title} - {line.variant_title}" if line.variant_title else line.title,
        "sku": line.sku,
        "vendor": product.vendor if product else None,
        "quantity": line.quantity,
        "currentQuantity": line.current_quantity,
        "refundableQuantity": line.current_quantity,
        "unfulfilledQuantity": line.current_quantity,
        "originalUnitPriceSet": bag(order, line.price),
        "originalTotalSet": bag(order, amounts.gross),
        "totalDiscountSet": bag(order, own),
        "discountedTotalSet": lambda _info, withCodeDiscounts=False: bag(  # noqa: N803 - an argument of the API
            order, amounts.gross - (every if withCodeDiscounts else own)
        ),
        "discountedUnitPriceSet": bag(order, rounded((amounts.gross - own) / line.quantity, order.currency)),
        "discountedUnitPriceAfterAllDiscountsSet": bag(order, each),
        "discountAllocations": allocation_nodes(order, line),
        "taxLines": listed(tax_nodes(order, line.taxes, amounts.taxes)),
        "taxable": bool(line.taxes),
        "requiresShipping": line.requires_shipping,
        "isGiftCard": False,
        "customAttributes": [],
        "product": (lambda _info: product_node(shop, product)) if product else None,
        "variant": (lambda _info: variant_node(shop, product, variant)) if product and variant else None,
    }


def _shipping_lines(order: Order) -> Callable[..., Any]:
    def resolve(info: Any, includeRemovals: bool = False, **arguments: Any) -> Any:  # noqa: N803 - the API's name
        shown = [line for line in order.shipping if includeRemovals or not line.removed]
        return connected((line.id, later(shipping_node, order, line)) for line in shown)(info, **arguments)

    return resolve


def shipping_node(order: Order, line: Shipping) -> Node:
    return {
        "id": gid("ShippingLine", line.id),
        "title": line.title,
        "code": line.code,
        "source": "shopify",
        "custom": False,
        "originalPriceSet": bag(order, line.price),
        "discountedPriceSet": bag(order, line.discounted),
        "currentDiscountedPriceSet": bag(order, line.left),
        "taxLines": tax_nodes(order, line.taxes, shipping_taxes(line, line.discounted, order)),
        "discountAllocations": allocation_nodes(order, line),
        "isRemoved": line.removed,
    }


def transaction_node(order: Order, part: Transaction) -> Node:
    parent = next((one for one in order.transactions if one.id == part.parent_id), None)
    return {
        "__typename": "OrderTransaction",
        "id": gid("OrderTransaction", part.id),
        "kind": part.kind.upper(),
        "status": part.status.upper(),
        "gateway": part.gateway,
        "formattedGateway": part.gateway.replace("_", " ").title(),
        "amountSet": bag(order, part.amount),
        "createdAt": instant(part.created_at),
        "processedAt": instant(part.created_at),
        "parentTransaction": transaction_node(order, parent) if parent else None,
        "paymentId": f"#{order.number}.{order.transactions.index(part) + 1}",
        "test": order.test,
    }


def refund_node(shop: Shop, order: Order, refund: Refund, customer: Callable[[], Node | None]) -> Node:
    back = sum((part.amount for part in refund.transactions), ZERO)
    lines = {line.id: line for line in order.lines}
    carriage = {line.id: line for line in order.shipping}
    return {
        "__typename": "Refund",
        "id": gid("Refund", refund.id),
        "legacyResourceId": str(refund.id),
        "createdAt": instant(refund.created_at),
        "processedAt": instant(refund.created_at),
        "updatedAt": instant(refund.created_at),
        "note": refund.note,
        "order": lambda _info: order_node(shop, order, customer),
        "totalRefundedSet": bag(order, back),
        "refundLineItems": connected(
            (part.id, later(refund_line_node, order, part, line_node(shop, order, lines[part.line_id])))
            for part in refund.lines
        ),
        "refundShippingLines": connected(
            (part.id, later(refund_shipping_node, order, part, carriage[part.line_id])) for part in refund.shipping
        ),
        "orderAdjustments": connected((part.id, later(adjustment_node, order, part)) for part in refund.adjustments),
        "transactions": connected((part.id, later(transaction_node, order, part)) for part in refund.transactions),
    }


def refund_line_node(order: Order, part: RefundLine, line: Node) -> Node:
    return {
        "id": gid("RefundLineItem", part.id),
        "lineItem": line,
        "priceSet": bag(order, rounded(part.subtotal / part.quantity, order.currency)),
        "quantity": part.quantity,
        "restockType": part.restock.upper(),
        "restocked": part.restock != "no_restock",
        "subtotalSet": bag(order, part.subtotal),
        "totalTaxSet": bag(order, part.tax),
    }


def refund_shipping_node(order: Order, part: RefundShipping, line: Shipping) -> Node:
    return {
        "__typename": "RefundShippingLine",
        "id": gid("RefundShippingLine", part.id),
        "shippingLine": shipping_node(order, line),
        "subtotalAmountSet": bag(order, part.subtotal),
        "taxAmountSet": bag(order, part.tax),
    }


def adjustment_node(order: Order, part: Adjustment) -> Node:
    return {
        "__typename": "OrderAdjustment",
        "id": gid("OrderAdjustment", part.id),
        "amountSet": bag(order, part.amount),
        "taxAmountSet": bag(order, part.tax),
        "reason": "REFUND_DISCREPANCY",
    }
