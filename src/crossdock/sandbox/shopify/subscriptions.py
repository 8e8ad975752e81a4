"""Webhook subscriptions made through the API, with the refusals recorded from the platform.

Sources: the published schemas, `webhookSubscriptionCreate`; recorded refusals (protocol, duplicate).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from crossdock.sandbox.shopify.access import Access
from crossdock.sandbox.shopify.shop import Shop, Subscription, later

MAX_ADDRESS_BYTES: Final = 65_535
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_SCOPES: Final = {"CUSTOMERS": "read_customers", "PRODUCTS": "read_products"}
_WITHOUT_SCOPE: Final = ("APP_",)

Refusal = dict[str, Any]


def subscribe(
    shop: Shop, access: Access, topic: str, wanted: Mapping[str, Any], now: float
) -> Subscription | list[Refusal]:
    uri = str(wanted.get("uri") or wanted.get("callbackUrl") or "")
    if not topic.startswith(_WITHOUT_SCOPE):
        scope = _SCOPES.get(topic.split("_", 1)[0], "read_orders")
        if not access.holds(scope):
            return [_refusal(["topic"], "You cannot create a webhook subscription with the specified topic")]
    subscription = Subscription(
        id=shop.new_id(),
        topic=topic,
        uri=uri,
        created_at=int(now),
        updated_at=int(now),
        format=wanted.get("format") or "JSON",
        include_fields=tuple(wanted.get("includeFields") or ()),
        filter=wanted.get("filter") or "",
        name=wanted.get("name"),
    )
    if refusals := _refusals(shop, subscription):
        return refusals
    shop.subscriptions[subscription.id] = subscription
    return subscription


def resubscribe(shop: Shop, number: int, wanted: Mapping[str, Any], now: float) -> Subscription | list[Refusal]:
    old = shop.subscriptions.get(number)
    if old is None:
        return [_refusal(["id"], "Webhook subscription does not exist")]
    changed = replace(
        old,
        uri=str(wanted.get("uri") or wanted.get("callbackUrl") or old.uri),
        format=wanted.get("format") or old.format,
        include_fields=tuple(wanted.get("includeFields", old.include_fields) or ()),
        filter=wanted.get("filter", old.filter) or "",
        updated_at=later(old.updated_at, now),
    )
    if refusals := _refusals(shop, changed):
        return refusals
    shop.subscriptions[number] = changed
    return changed


def unsubscribe(shop: Shop, number: int) -> list[Refusal]:
    if shop.subscriptions.pop(number, None) is None:
        return [_refusal(["id"], "Webhook subscription does not exist")]
    return []


def _refusal(field: list[str], message: str) -> Refusal:
    return {"field": field, "message": message}


def _refusals(shop: Shop, wanted: Subscription) -> list[Refusal]:
    """HTTPS, Pub/Sub and EventBridge on the platform; here HTTPS, and plain HTTP to this machine's loopback.

    Filters and XML bodies exist on the platform too and are refused here, for nobody would apply them.
    """
    address = ["webhookSubscription", "callbackUrl"]
    parts = urlsplit(wanted.uri)
    plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not wanted.uri:
        return [_refusal(address, "Address can't be blank")]
    if parts.scheme != "https" and not plain:
        return [_refusal(address, f"Address protocol {parts.scheme}:// is not supported")]
    if len(wanted.uri.encode()) > MAX_ADDRESS_BYTES:
        return [_refusal(address, "Address is too big (maximum is 64 KB)")]
    if len(wanted.filter.encode()) > MAX_ADDRESS_BYTES:
        return [_refusal(["webhookSubscription", "filter"], "Filter is too big (maximum is 64 KB)")]
    if wanted.filter:
        return [_refusal(["webhookSubscription", "filter"], "Filters are not played by this simulator")]
    if wanted.format != "JSON":
        return [_refusal(["webhookSubscription", "format"], "XML is not played by this simulator")]
    if (parts.hostname or "").endswith((".myshopify.com", ".shopify.com")):
        return [_refusal(address, "Address cannot be a Shopify or an internal domain")]
    for other in shop.subscriptions.values():
        same = (other.topic, other.uri, other.filter) == (wanted.topic, wanted.uri, wanted.filter)
        if same and other.id != wanted.id:
            return [_refusal(address, "Address for this topic has already been taken")]
    return []
