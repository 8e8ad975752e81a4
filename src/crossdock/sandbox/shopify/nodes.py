"""Records as GraphQL objects: plain mappings whose callables are called with a field's arguments.

Amounts are strings with trailing zeros trimmed, instants are UTC without fraction, legacy ids are decimal strings.

Sources: the published Admin GraphQL schemas; recorded answers.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from crossdock.sandbox.shopify.connection import Entry, page
from crossdock.sandbox.shopify.money import ZERO, graph_amount, rounded
from crossdock.sandbox.shopify.order import net_payment
from crossdock.sandbox.shopify.shop import Address, Customer, Product, Shop, Subscription, Variant, gid

Node = dict[str, Any]


def instant(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def connected(items: Iterable[tuple[int, Callable[[], Node]]]) -> Callable[..., Any]:
    """A field that pages over items in the order given."""
    entries = [Entry(position, number, node) for position, (number, node) in enumerate(items)]
    return lambda _info, **arguments: page(entries, arguments)


def later(make: Callable[..., Node], *of: Any) -> Callable[[], Node]:
    """Makes the object when it is asked for."""
    return lambda: make(*of)


def listed(items: Sequence[Node]) -> Callable[..., Any]:
    """A plain list with an optional `first`."""
    return lambda _info, first=None: items if first is None else items[:first]


def shop_node(shop: Shop, now: float) -> Node:
    settings = shop.settings
    offset = datetime.fromtimestamp(now, ZoneInfo(settings.zone)).utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    sign, rest = ("-" if minutes < 0 else "+"), abs(minutes)
    url = f"https://{settings.domain}"
    return {
        "__typename": "Shop",
        "id": gid("Shop", 1),
        "name": settings.name,
        "email": settings.email,
        "contactEmail": settings.email,
        "currencyCode": settings.currency,
        "enabledPresentmentCurrencies": [settings.currency],
        "ianaTimezone": settings.zone,
        "timezoneOffset": f"{sign}{rest // 60:02d}{rest % 60:02d}",
        "timezoneOffsetMinutes": minutes,
        "myshopifyDomain": settings.domain,
        "primaryDomain": {"id": gid("Domain", 1), "host": settings.domain, "sslEnabled": True, "url": url},
        "plan": {"partnerDevelopment": False, "publicDisplayName": settings.plan, "shopifyPlus": False},
        "taxesIncluded": False,
        "url": url,
    }


def address_node(address: Address | None, number: int) -> Node | None:
    if address is None:
        return None
    name = " ".join(part for part in (address.get("first_name"), address.get("last_name")) if part)
    town = " ".join(part for part in (address.get("city"), address.get("province_code"), address.get("zip")) if part)
    return {
        "__typename": "MailingAddress",
        "id": gid("MailingAddress", number),
        "firstName": address.get("first_name"),
        "lastName": address.get("last_name"),
        "name": name or None,
        "company": address.get("company"),
        "address1": address.get("address1"),
        "address2": address.get("address2"),
        "city": address.get("city"),
        "province": address.get("province"),
        "provinceCode": address.get("province_code"),
        "zip": address.get("zip"),
        "country": address.get("country"),
        "countryCodeV2": address.get("country_code"),
        "phone": address.get("phone"),
        "formatted": lambda _info, **_: [
            part for part in (address.get("address1"), address.get("address2"), town, address.get("country")) if part
        ],
    }


def customer_node(shop: Shop, customer: Customer) -> Node:
    orders = shop.orders_of(customer.id)
    spent = sum((net_payment(order) for order in orders), ZERO)
    address = address_node(customer.address, customer.id)
    mail = customer.email and {
        "emailAddress": customer.email,
        "marketingState": "NOT_SUBSCRIBED",
        "validFormat": "@" in customer.email,
    }
    return {
        "__typename": "Customer",
        "id": gid("Customer", customer.id),
        "legacyResourceId": str(customer.id),
        "createdAt": instant(customer.created_at),
        "updatedAt": instant(customer.updated_at),
        "firstName": customer.first_name,
        "lastName": customer.last_name,
        "displayName": customer.display_name,
        "email": customer.email,
        "phone": customer.phone,
        "defaultEmailAddress": mail or None,
        "defaultPhoneNumber": {"phoneNumber": customer.phone} if customer.phone else None,
        "defaultAddress": address,
        "addresses": listed([address] if address else []),
        "locale": "en",
        "note": customer.note,
        "numberOfOrders": str(len(orders)),
        "amountSpent": {"amount": graph_amount(spent), "currencyCode": shop.settings.currency},
        "state": "DISABLED",
        "tags": list(customer.tags),
        "taxExempt": customer.tax_exempt,
        "taxExemptions": [],
        "verifiedEmail": True,
    }


def product_node(shop: Shop, product: Product) -> Node:
    return {
        "__typename": "Product",
        "id": gid("Product", product.id),
        "legacyResourceId": str(product.id),
        "createdAt": instant(product.created_at),
        "updatedAt": instant(product.updated_at),
        "publishedAt": instant(product.created_at),
        "title": product.title,
        "handle": product.handle,
        "vendor": product.vendor,
        "productType": product.product_type,
        "status": product.status,
        "tags": list(product.tags),
        "isGiftCard": False,
        "description": lambda _info, **_: product.description,
        "descriptionHtml": product.description,
        "variants": connected(
            (variant.id, later(variant_node, shop, product, variant)) for variant in product.variants
        ),
    }


def variant_node(shop: Shop, product: Product, variant: Variant) -> Node:
    return {
        "__typename": "ProductVariant",
        "id": gid("ProductVariant", variant.id),
        "legacyResourceId": str(variant.id),
        "createdAt": instant(product.created_at),
        "updatedAt": instant(product.updated_at),
        "title": variant.title,
        "displayName": f"{product.title} - {variant.title}",
        "position": product.variants.index(variant) + 1,
        "price": f"{rounded(variant.price, shop.settings.currency):f}",
        "sku": variant.sku,
        "taxable": variant.taxable,
        "product": lambda _info: product_node(shop, product),
    }


def subscription_node(subscription: Subscription, version: str) -> Node:
    return {
        "__typename": "WebhookSubscription",
        "id": gid("WebhookSubscription", subscription.id),
        "legacyResourceId": str(subscription.id),
        "apiVersion": {"handle": version, "displayName": version, "supported": True},
        "topic": subscription.topic,
        "uri": subscription.uri,
        "callbackUrl": subscription.uri,
        "format": subscription.format,
        "filter": subscription.filter or None,
        "includeFields": list(subscription.include_fields),
        "metafieldNamespaces": [],
        "name": subscription.name,
        "createdAt": instant(subscription.created_at),
        "updatedAt": instant(subscription.updated_at),
    }
