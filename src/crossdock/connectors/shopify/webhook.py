"""Shopify's webhooks: the signature over the raw body, the identity in a header, the record in the body.

Source: shopify.dev, Webhooks. The event id is shared by the topics of one merchant action; the webhook id is a
delivery's own and stays on its retries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossdock.core import json
from crossdock.core.connector import Inbound, Part, Rejected, Webhook
from crossdock.core.errors import NotJson
from crossdock.core.secret import Secret
from crossdock.core.signatures import SHOPIFY, verify

TELL_NO_ORDER = {"orders/edited", "orders/paid", "refunds/create", "order_transactions/create"}
"""An edit and a refund are no order, and no order body holds its transactions: the order is read."""
PARTLY_PAID = "partially_paid"
"""No `orders/paid` is sent for a part; the order is read for its transactions."""


class ShopifyWebhook(Webhook):
    keep_headers = ("x-shopify-topic", "x-shopify-event-id", "x-shopify-triggered-at", "x-shopify-api-version")
    secret = "client_secret"  # noqa: S105 - its name

    def __init__(self, shop: str) -> None:
        self._shop = shop

    def verify(self, request: Inbound, secrets: Sequence[Secret], civil: float) -> Rejected | None:
        for name in ("x-shopify-topic", "x-shopify-webhook-id", "x-shopify-shop-domain"):
            if not request.headers.get(name):
                return Rejected("missing", f"the header {name} is not there")
        return verify(SHOPIFY, request, secrets, civil)

    def split(self, request: Inbound) -> Sequence[Part]:
        shop = request.headers["x-shopify-shop-domain"].lower()
        if shop != self._shop:
            raise ValueError(f"it is about the shop {shop[:100]}, and this connection is for {self._shop}")
        try:
            body = json.decode(request.body)
        except NotJson as error:
            raise ValueError(f"the body is {error.what}") from None
        if not isinstance(body, Mapping):
            raise ValueError("the body is no record")
        topic = request.headers["x-shopify-topic"].lower()
        kind, remote_id = _subject(topic, body)
        partly_paid = topic == "orders/updated" and body.get("financial_status") == PARTLY_PAID
        return [
            Part(
                identity=request.headers["x-shopify-webhook-id"],
                topic="orders/read" if partly_paid else topic,
                order_hint=f"{kind}/{remote_id}",
                body=request.body,
                hydrate="order" if partly_paid or topic in TELL_NO_ORDER else "",
                remote_id=remote_id,
            )
        ]


def _subject(topic: str, body: Mapping[str, Any]) -> tuple[str, str]:
    """What is kept in order: a refund and a transaction stand behind their order."""
    family = topic.partition("/")[0]
    match family:
        case "refunds" | "order_transactions" | "fulfillments":
            kind, remote_id = "order", body.get("order_id")
        case "orders":
            edit = body.get("order_edit")
            kind, remote_id = "order", edit.get("order_id") if isinstance(edit, Mapping) else body.get("id")
        case _:
            kind, remote_id = family.removesuffix("s"), body.get("id")
    if not isinstance(remote_id, int | str) or isinstance(remote_id, bool) or remote_id == "":
        raise ValueError(f"the body of {topic} names no {kind}")
    return kind, str(remote_id)
