"""The state of one shop: its customers, products, orders and webhook subscriptions, and what its search index knows.

Sources: recorded answers of a development store; shopify.dev, "Admin GraphQL" (ids, and what a customer needs to
have).
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from crossdock.sandbox.lagging import LaggingIndex
from crossdock.sandbox.shopify.order import Order, Refund, current, financial_status, sold
from crossdock.sandbox.shopify.search import LAG_S
from crossdock.sandbox.simulator import SeedError

Address = dict[str, str | None]


@dataclass(frozen=True)
class Settings:
    """`zone` is the IANA zone in whose offset webhook bodies write their instants."""

    domain: str = "joannas-shop.myshopify.com"
    name: str = "Joanna's Shop"
    email: str = "joanna@example.com"
    currency: str = "CAD"
    zone: str = "America/Toronto"
    country: str = "CA"
    plan: str = "Basic"


@dataclass
class Customer:
    """`email` and `phone` are unique in the shop and may both be missing."""

    id: int
    created_at: int
    updated_at: int
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()
    tax_exempt: bool = False
    address: Address | None = None

    @property
    def display_name(self) -> str:
        name = " ".join(part for part in (self.first_name, self.last_name) if part)
        return name or self.email or self.phone or ""


@dataclass
class Variant:
    id: int
    title: str
    sku: str | None
    price: Decimal
    taxable: bool = True


@dataclass
class Product:
    id: int
    created_at: int
    updated_at: int
    title: str
    handle: str
    vendor: str
    product_type: str
    status: str
    variants: list[Variant]
    description: str = ""
    tags: tuple[str, ...] = ()


@dataclass
class Subscription:
    id: int
    topic: str
    uri: str
    created_at: int
    updated_at: int
    format: str = "JSON"
    include_fields: tuple[str, ...] = ()
    filter: str = ""
    name: str | None = None


@dataclass
class Shop:
    """`refs` lets a script call things by names of its own before the shop has given them ids."""

    settings: Settings = field(default_factory=Settings)
    customers: dict[int, Customer] = field(default_factory=dict)
    products: dict[int, Product] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    refs: dict[str, int] = field(default_factory=dict)
    index: LaggingIndex = field(default_factory=lambda: LaggingIndex(LAG_S))
    last_id: int = 5_310_000_000_000

    def new_id(self) -> int:
        """Ids are 64-bit integers that only grow; they have gaps, as the platform's have."""
        self.last_id += 32_768
        return self.last_id

    def orders_of(self, customer_id: int) -> list[Order]:
        return [order for order in self.orders.values() if order.customer_id == customer_id]

    def record(self, kind: str, number: int) -> "Record | None":
        """What the search index keeps: a customer, product or order; nothing of other kinds."""
        match kind:
            case "customer":
                return self.customers.get(number)
            case "product":
                return self.products.get(number)
            case "order":
                return self.orders.get(number)
        return None

    def find(self, kind: str, name: object) -> int:
        """The id of the record that a ref or an id names. Raises SeedError."""
        number = self.refs.get(name) if isinstance(name, str) else name
        if not isinstance(number, int) or self.record(kind, number) is None:
            raise SeedError(f"the shop has no {kind} {name!r}")
        return number

    def refund(self, refund_id: int) -> tuple[Order, Refund] | None:
        for order in self.orders.values():
            for refund in order.refunds:
                if refund.id == refund_id:
                    return order, refund
        return None


Record = Customer | Product | Order


def later(stamp: int, now: float) -> int:
    """The next `updated_at`: whole seconds, and never the same twice for one record.

    The platform may stamp two changes within a second alike. Here they always differ, so that the newest state
    of a record can be told from its `updated_at` alone, however fast a script changes it.
    """
    return max(int(now), stamp + 1)


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def index_terms(shop: Shop, record: Record) -> dict[str, Any]:
    """What the search index stores of a record: the fields a `query` may filter and a `sortKey` may order by."""
    if isinstance(record, Order):
        return _order_terms(shop, record)
    terms: dict[str, Any] = {"id": record.id, "created_at": record.created_at, "updated_at": record.updated_at}
    if isinstance(record, Customer):
        terms |= {"email": record.email, "phone": record.phone, "tag": record.tags, "name": record.display_name}
        terms |= {"first_name": record.first_name, "last_name": record.last_name}
        terms |= {"orders_count": len(shop.orders_of(record.id))}
        return terms
    terms |= {"title": record.title, "vendor": record.vendor, "product_type": record.product_type, "tag": record.tags}
    terms |= {"status": record.status.lower(), "handle": record.handle}
    terms |= {"sku": tuple(variant.sku for variant in record.variants if variant.sku)}
    return terms


def _order_terms(shop: Shop, order: Order) -> dict[str, Any]:
    customer = shop.customers.get(order.customer_id or 0)
    status = "cancelled" if order.cancelled_at is not None else "closed" if order.closed_at is not None else "open"
    return {
        "id": order.id,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "processed_at": order.processed_at,
        "name": order.name,
        "number": order.number,
        "email": order.email,
        "status": ("open", "not_closed") if status == "open" else (status,),
        "financial_status": financial_status(order),
        "fulfillment_status": "unfulfilled",
        "tag": order.tags,
        "customer_id": order.customer_id,
        "customer_name": customer.display_name if customer else "",
        "sku": tuple(line.sku for line in order.lines if line.sku),
        "source_identifier": order.source_identifier,
        "total_price": sold(order).total,
        "current_total_price": current(order).total,
        "test": "true" if order.test else "false",
    }
