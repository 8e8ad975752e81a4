"""The root of the GraphQL API: reads by id, searched lists, and webhook subscriptions.

Sources: the published Admin GraphQL schemas, 2025-01 to 2026-07 (fields, sort keys and their defaults); recorded
answers (null for a missing record, an error for an id of another type).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLError

from crossdock.sandbox.shopify.access import Access
from crossdock.sandbox.shopify.connection import Entry, page
from crossdock.sandbox.shopify.nodes import (
    Node,
    connected,
    customer_node,
    later,
    product_node,
    shop_node,
    subscription_node,
    variant_node,
)
from crossdock.sandbox.shopify.order import Order
from crossdock.sandbox.shopify.order_nodes import line_node, order_node, refund_node, transaction_node
from crossdock.sandbox.shopify.search import FIELDS, compile_query
from crossdock.sandbox.shopify.shop import Product, Record, Shop, Subscription, gid
from crossdock.sandbox.shopify.subscriptions import resubscribe, subscribe, unsubscribe

_SCOPES: Final = {"order": "read_orders", "customer": "read_customers", "product": "read_products"}
_SORTED_BY: Final = {
    "CREATED_AT": "created_at",
    "CURRENT_TOTAL_PRICE": "current_total_price",
    "CUSTOMER_NAME": "customer_name",
    "FINANCIAL_STATUS": "financial_status",
    "ID": "id",
    "NAME": "name",
    "ORDER_NUMBER": "number",
    "PROCESSED_AT": "processed_at",
    "PRODUCT_TYPE": "product_type",
    "PUBLISHED_AT": "created_at",
    "RELEVANCE": "id",
    "TITLE": "title",
    "TOTAL_PRICE": "total_price",
    "UPDATED_AT": "updated_at",
    "VENDOR": "vendor",
}


@dataclass
class Graph:
    """The root value of one request. `now` is wall time, `searched_at` the time that the index lags by."""

    shop: Shop
    access: Access
    now: float
    searched_at: float
    version: str
    warnings: list[dict[str, Any]] = field(default_factory=list)

    def root(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "shop": lambda _: shop_node(self.shop, self.now),
            "currentAppInstallation": lambda _: self._installation(),
            "order": lambda _, id: self._by_id("order", id),  # noqa: A006 - an argument of the API
            "customer": lambda _, id: self._by_id("customer", id),  # noqa: A006 - GraphQL's
            "product": lambda _, id: self._by_id("product", id),  # noqa: A006 - GraphQL's
            "refund": lambda _, id: self._refund(_number(id, "Refund")),  # noqa: A006 - GraphQL's
            "node": lambda _, id: self._any(id),  # noqa: A006 - GraphQL's
            "nodes": lambda _, ids: [self._any(one) for one in ids],
            "orders": lambda info, **arguments: self._searched("order", info, arguments),
            "customers": lambda info, **arguments: self._searched("customer", info, arguments),
            "products": lambda info, **arguments: self._searched("product", info, arguments),
            "ordersCount": lambda info, **arguments: self._count("order", info, arguments),
            "customersCount": lambda info, **arguments: self._count("customer", info, arguments),
            "productsCount": lambda info, **arguments: self._count("product", info, arguments),
            "webhookSubscription": lambda _, id: self._subscription(_number(id, "WebhookSubscription")),  # noqa: A006 - GraphQL's
            "webhookSubscriptions": lambda _, **arguments: self._subscriptions(arguments),
            "webhookSubscriptionCreate": lambda _, topic, webhookSubscription: self._written(  # noqa: N803 - GraphQL's
                subscribe(self.shop, self.access, topic, webhookSubscription, self.now)
            ),
            "webhookSubscriptionUpdate": lambda _, id, webhookSubscription: self._written(  # noqa: A006, N803
                resubscribe(self.shop, _number(id, "WebhookSubscription"), webhookSubscription, self.now)
            ),
            "webhookSubscriptionDelete": lambda _, id: self._deleted(id),  # noqa: A006 - GraphQL's
        }

    def _installation(self) -> Node:
        scopes = [{"handle": scope, "description": scope.replace("_", " ")} for scope in sorted(self.access.scopes)]
        return {"__typename": "AppInstallation", "id": gid("AppInstallation", 1), "accessScopes": scopes}

    def _node(self, record: Record) -> Node:
        if isinstance(record, Order):
            return order_node(self.shop, record, lambda: self._customer_of(record))
        if isinstance(record, Product):
            return product_node(self.shop, record)
        orders = self.shop.orders_of(record.id)
        return customer_node(self.shop, record) | {
            "orders": connected((order.id, later(self._node, order)) for order in orders)
        }

    def _customer_of(self, order: Order) -> Node | None:
        self.access.require("read_customers", "customer")
        customer = self.shop.customers.get(order.customer_id or 0)
        return self._node(customer) if customer else None

    def _by_id(self, kind: str, given: str) -> Node | None:
        """A read by id never waits for the index. Missing is null; an id of another kind is an error."""
        self.access.require(_SCOPES[kind], kind)
        record = self.shop.record(kind, _number(given, kind.capitalize()))
        return self._node(record) if record and self._visible(record) else None

    def _visible(self, record: Record) -> bool:
        return not isinstance(record, Order) or self.access.sees(record, self.now)

    def _refund(self, number: int) -> Node | None:
        self.access.require("read_orders", "refund")
        found = self.shop.refund(number)
        if found is None or not self._visible(found[0]):
            return None
        order, refund = found
        return refund_node(self.shop, order, refund, lambda: self._customer_of(order))

    def _any(self, given: str) -> Node | None:
        kind = given.removeprefix("gid://shopify/").partition("/")[0]
        number = _number(given, kind)
        match kind:
            case "Order" | "Customer" | "Product":
                return self._by_id(kind.lower(), given)
            case "Refund":
                return self._refund(number)
            case "WebhookSubscription":
                return self._subscription(number)
            case "ProductVariant":
                self.access.require("read_products", "node")
                return self._variant(number)
            case "LineItem" | "OrderTransaction":
                self.access.require("read_orders", "node")
                return self._part(kind, number)
            case "Shop":
                return shop_node(self.shop, self.now)
        raise _unknown_id(given)

    def _variant(self, number: int) -> Node | None:
        for product in self.shop.products.values():
            for variant in product.variants:
                if variant.id == number:
                    return variant_node(self.shop, product, variant)
        return None

    def _part(self, kind: str, number: int) -> Node | None:
        for order in filter(self._visible, self.shop.orders.values()):
            if kind == "LineItem":
                for line in order.lines:
                    if line.id == number:
                        return line_node(self.shop, order, line)
            for part in order.transactions:
                if part.id == number:
                    return transaction_node(order, part)
        return None

    def _matching(self, kind: str, info: Any, query: str | None) -> list[Mapping[str, Any]]:
        self.access.require(_SCOPES[kind], info.field_name)
        search = compile_query(query, FIELDS[kind])
        if search.warnings:
            self.warnings.append({"path": info.path.as_list(), "query": query, "warnings": list(search.warnings)})
        return [
            terms
            for terms in self.shop.index.seen(kind, self.searched_at)
            if search.matches(terms) and (record := self.shop.record(kind, terms["id"])) and self._visible(record)
        ]

    def _searched(self, kind: str, info: Any, arguments: Mapping[str, Any]) -> Node:
        """Found and ordered by what the index knows; the records shown are as they are now."""
        by = _SORTED_BY[arguments["sortKey"]]
        entries = []
        for terms in self._matching(kind, info, arguments.get("query")):
            record = self.shop.record(kind, terms["id"])
            assert record is not None
            entries.append(Entry(_sort_value(by, terms[by]), record.id, later(self._node, record)))
        return page(sorted(entries, key=lambda entry: entry.key), arguments)

    def _count(self, kind: str, info: Any, arguments: Mapping[str, Any]) -> Node:
        found = len(self._matching(kind, info, arguments.get("query")))
        limit = arguments.get("limit")
        if limit is not None and found > limit:
            return {"count": limit, "precision": "AT_LEAST"}
        return {"count": found, "precision": "EXACT"}

    def _subscription(self, number: int) -> Node | None:
        found = self.shop.subscriptions.get(number)
        return subscription_node(found, self.version) if found else None

    def _subscriptions(self, arguments: Mapping[str, Any]) -> Node:
        topics, uri = arguments.get("topics"), arguments.get("uri")
        shown = [
            one
            for one in self.shop.subscriptions.values()
            if (not topics or one.topic in topics) and (uri is None or one.uri == uri)
        ]
        return page(
            [Entry(one.created_at * 1000, one.id, later(subscription_node, one, self.version)) for one in shown],
            arguments,
        )

    def _written(self, outcome: Subscription | list[dict[str, Any]]) -> Node:
        if isinstance(outcome, list):
            return {"webhookSubscription": None, "userErrors": outcome}
        return {"webhookSubscription": subscription_node(outcome, self.version), "userErrors": []}

    def _deleted(self, given: str) -> Node:
        refusals = unsubscribe(self.shop, _number(given, "WebhookSubscription"))
        return {"deletedWebhookSubscriptionId": None if refusals else given, "userErrors": refusals}


def _sort_value(by: str, value: Any) -> Any:
    """Cursors carry instants in milliseconds and prices as numbers."""
    if by.endswith("_at"):
        return value * 1000
    if by.endswith("_price"):
        return float(value)
    return "" if value is None else value


def _number(given: str, kind: str) -> int:
    """The numeric tail of `gid://shopify/<kind>/<number>`. Raises RESOURCE_NOT_FOUND for anything else."""
    tail = given.removeprefix(f"gid://shopify/{kind}/")
    if tail == given or not tail.isascii() or not tail.isdigit():
        raise _unknown_id(given)
    return int(tail)


def _unknown_id(given: str) -> GraphQLError:
    return GraphQLError(f"Invalid id: {given}", extensions={"code": "RESOURCE_NOT_FOUND"})
