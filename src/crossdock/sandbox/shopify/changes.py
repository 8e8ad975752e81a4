"""What can happen in a shop. Each change alters the state and tells what the webhooks will speak of.

A change is described by plain JSON, so that scripts, the admin door and `trade` speak alike; records are
named by refs of the script's own ("order-17", "mug") or by their ids. SeedError says what is wrong with a
description; the state is then as it was.

Source: recorded answers of a development store (what an edit, a cancellation and a refund leave behind, and which
webhooks follow).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from crossdock.sandbox.shopify.money import ZERO
from crossdock.sandbox.shopify.order import Line, Order, Transaction, financial_status, net_payment, outstanding
from crossdock.sandbox.shopify.placing import make_line, make_order
from crossdock.sandbox.shopify.refunding import make_refund, rest_of
from crossdock.sandbox.shopify.shop import Customer, Product, Shop, Variant, index_terms, later
from crossdock.sandbox.simulator import SeedError

Details = Mapping[str, Any]
About = tuple[str, str, int]
"""A webhook's topic, the kind of record it shows and that record's id. The id of a refund is its own."""


@dataclass(frozen=True)
class Happening:
    """One merchant action; the webhooks it causes share an event id. `edit` is the diff that orders/edited carries."""

    record_id: int
    about: tuple[About, ...]
    edit: Mapping[str, Any] | None = None


def perform(shop: Shop, do: str, details: Details, now: float, indexed_at: float) -> Happening:
    """Makes the change named `do`. `now` (wall time) stamps the records, `indexed_at` (simulated time) is when the
    search index begins to lag behind it. Raises SeedError.
    """
    change = CHANGES.get(do)
    if change is None:
        raise SeedError(f"there is no change {do!r}; there are {', '.join(CHANGES)}")
    try:
        happening = change(shop, details, now)
    except KeyError as error:
        raise SeedError(f"{do}: {error.args[0]!r} is needed") from None
    except (InvalidOperation, TypeError, AttributeError) as error:
        raise SeedError(f"{do}: {error}") from None
    if ref := details.get("ref"):
        shop.refs[str(ref)] = happening.record_id
    for kind, number in {(kind, number) for _, kind, number in happening.about}:
        if record := shop.record(kind, number):
            shop.index.record(kind, number, index_terms(shop, record), indexed_at)
    return happening


def create_customer(shop: Shop, details: Details, now: float) -> Happening:
    customer = Customer(id=shop.new_id(), created_at=int(now), updated_at=int(now))
    _describe_customer(shop, customer, details)
    if not (customer.email or customer.phone or customer.first_name or customer.last_name):
        raise SeedError("A name, phone number, or email address must be present")
    shop.customers[customer.id] = customer
    return Happening(customer.id, (("customers/create", "customer", customer.id),))


def update_customer(shop: Shop, details: Details, now: float) -> Happening:
    customer = shop.customers[shop.find("customer", details["customer"])]
    _describe_customer(shop, customer, details)
    customer.updated_at = later(customer.updated_at, now)
    return Happening(customer.id, (("customers/update", "customer", customer.id),))


def _describe_customer(shop: Shop, customer: Customer, details: Details) -> None:
    """E-mail addresses are kept in lower case; e-mail and phone are unique in the shop."""
    email = details.get("email", customer.email)
    email = email.lower() if email else None
    phone = details.get("phone", customer.phone)
    for other in shop.customers.values():
        if other.id != customer.id and email and other.email == email:
            raise SeedError("Email has already been taken")
        if other.id != customer.id and phone and other.phone == phone:
            raise SeedError("Phone has already been taken")
    customer.email, customer.phone = email, phone
    customer.first_name = details.get("first_name", customer.first_name)
    customer.last_name = details.get("last_name", customer.last_name)
    customer.note = details.get("note", customer.note)
    customer.tags = tuple(details.get("tags", customer.tags))
    customer.tax_exempt = bool(details.get("tax_exempt", customer.tax_exempt))
    customer.address = details.get("address", customer.address)


def create_product(shop: Shop, details: Details, now: float) -> Happening:
    title = str(details["title"])
    product = Product(
        id=shop.new_id(),
        created_at=int(now),
        updated_at=int(now),
        title=title,
        handle=str(details.get("handle") or "-".join(title.lower().split())),
        vendor=str(details.get("vendor", shop.settings.name)),
        product_type=str(details.get("product_type", "")),
        status=str(details.get("status", "ACTIVE")),
        variants=[_variant(shop, variant) for variant in details.get("variants", [{"price": details.get("price")}])],
        description=str(details.get("description", "")),
        tags=tuple(details.get("tags", ())),
    )
    shop.products[product.id] = product
    return Happening(product.id, (("products/create", "product", product.id),))


def _variant(shop: Shop, details: Details) -> Variant:
    return Variant(
        id=shop.new_id(),
        title=str(details.get("title", "Default Title")),
        sku=details.get("sku"),
        price=Decimal(str(details["price"])),
        taxable=bool(details.get("taxable", True)),
    )


def update_product(shop: Shop, details: Details, now: float) -> Happening:
    product = shop.products[shop.find("product", details["product"])]
    product.title = str(details.get("title", product.title))
    product.status = str(details.get("status", product.status))
    for variant, changed in zip(product.variants, details.get("variants", ()), strict=False):
        variant.price = Decimal(str(changed.get("price", variant.price)))
        variant.sku = changed.get("sku", variant.sku)
    product.updated_at = later(product.updated_at, now)
    return Happening(product.id, (("products/update", "product", product.id),))


def place_order(shop: Shop, details: Details, now: float) -> Happening:
    """`paid: true` takes the money at once; else the order stays pending until `pay_order`."""
    order = make_order(shop, details, now)
    shop.orders[order.id] = order
    about: list[About] = [("orders/create", "order", order.id), ("orders/updated", "order", order.id)]
    if details.get("paid"):
        _pay(shop, order, outstanding(order), str(details.get("gateway", "shopify_payments")), now)
        about.append(("orders/paid", "order", order.id))
    if order.customer_id is not None:
        customer = shop.customers[order.customer_id]
        customer.updated_at = later(customer.updated_at, now)
        about.append(("customers/update", "customer", customer.id))
    return Happening(order.id, tuple(about))


def pay_order(shop: Shop, details: Details, now: float) -> Happening:
    """Takes what is still owed, or `amount`."""
    order = shop.orders[shop.find("order", details["order"])]
    owed = outstanding(order)
    amount = Decimal(str(details.get("amount", owed)))
    if order.cancelled_at is not None or owed <= 0 or not 0 < amount <= owed:
        raise SeedError("Order cannot be marked as paid.")
    _pay(shop, order, amount, str(details.get("gateway", "shopify_payments")), now)
    order.updated_at = later(order.updated_at, now)
    about: list[About] = [("orders/updated", "order", order.id)]
    if outstanding(order) == 0:
        about.append(("orders/paid", "order", order.id))
    return Happening(order.id, tuple(about))


def _pay(shop: Shop, order: Order, amount: Decimal, gateway: str, now: float) -> None:
    if amount > 0:
        order.transactions.append(Transaction(shop.new_id(), "sale", amount, gateway, int(now)))


def edit_order(shop: Shop, details: Details, now: float) -> Happening:
    """Sets quantities (`set: [{line, quantity}]`) and adds lines (`add`). Refused once refunded or cancelled.

    A unit taken off stays in `quantity` and leaves `current_quantity`, as recorded from the platform.
    """
    order = shop.orders[shop.find("order", details["order"])]
    if order.cancelled_at is not None or order.refunds:
        raise SeedError("The order cannot be edited.")
    wanted = [(_line(order, part), int(part["quantity"])) for part in details.get("set", ())]
    if any(quantity < 0 for _, quantity in wanted):
        raise SeedError("The quantity can't be negative.")
    added = [make_line(shop, part, details) for part in details.get("add", ())]
    additions, removals = [], []
    for line, quantity in wanted:
        delta = quantity - line.current_quantity
        if delta > 0:
            line.quantity += delta
            additions.append({"id": line.id, "delta": delta})
        elif delta < 0:
            line.removed -= delta
            removals.append({"id": line.id, "delta": delta})
    order.lines.extend(added)
    additions.extend({"id": line.id, "delta": line.quantity} for line in added)
    order.edited = True
    order.updated_at = later(order.updated_at, now)
    edit = {"id": shop.new_id(), "note": str(details.get("note", "")), "additions": additions, "removals": removals}
    return Happening(order.id, (("orders/edited", "order", order.id), ("orders/updated", "order", order.id)), edit)


def _line(order: Order, part: Details) -> Line:
    position = int(part["line"])
    if not 0 <= position < len(order.lines):
        raise SeedError(f"{order.name} has no line {position}")
    return order.lines[position]


def annotate_order(shop: Shop, details: Details, now: float) -> Happening:
    """A note or tags: the order counts as updated although no amount has changed."""
    order = shop.orders[shop.find("order", details["order"])]
    order.note = details.get("note", order.note)
    order.tags = tuple(details.get("tags", order.tags))
    order.updated_at = later(order.updated_at, now)
    return Happening(order.id, (("orders/updated", "order", order.id),))


def refund_order(shop: Shop, details: Details, now: float) -> Happening:
    order = shop.orders[shop.find("order", details["order"])]
    refund = make_refund(shop, order, details, now)
    order.updated_at = later(order.updated_at, now)
    return Happening(order.id, (("refunds/create", "refund", refund.id), ("orders/updated", "order", order.id)))


def cancel_order(shop: Shop, details: Details, now: float) -> Happening:
    """Before payment nothing is owed any more; after it, everything received goes back in one refund."""
    order = shop.orders[shop.find("order", details["order"])]
    if order.cancelled_at is not None:
        raise SeedError("Cannot cancel an order that has already been canceled")
    about: list[About] = [("orders/cancelled", "order", order.id), ("orders/updated", "order", order.id)]
    if net_payment(order) > ZERO:
        refund = make_refund(shop, order, rest_of(order, str(details.get("reason", "OTHER"))), now)
        about.append(("refunds/create", "refund", refund.id))
    elif financial_status(order) in {"pending", "paid"}:
        for line in order.lines:
            line.removed = line.quantity
        for carriage in order.shipping:
            carriage.removed = True
    order.updated_at = later(order.updated_at, now)
    order.cancelled_at = order.closed_at = order.updated_at
    order.cancel_reason = str(details.get("reason", "OTHER"))
    return Happening(order.id, tuple(about))


CHANGES: Mapping[str, Callable[[Shop, Details, float], Happening]] = {
    change.__name__: change
    for change in (
        create_customer,
        update_customer,
        create_product,
        update_product,
        place_order,
        pay_order,
        edit_order,
        annotate_order,
        refund_order,
        cancel_order,
    )
}
