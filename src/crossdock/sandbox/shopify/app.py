"""The ASGI application: routes, tokens, webhooks, and what the admin door can do.

Sources: shopify.dev, "Webhooks" (headers, signature, five seconds, eight retries over four hours; changelog of
2024-09-10) and "API versioning"; the refusal of an unknown token, as quoted in public issues.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from crossdock.sandbox.http import JsonError, Reply, Request, Route, encode_json
from crossdock.sandbox.shopify import rest, versions
from crossdock.sandbox.shopify.access import DEFAULT_SCOPES, Access
from crossdock.sandbox.shopify.books import books
from crossdock.sandbox.shopify.bucket import Bucket
from crossdock.sandbox.shopify.changes import Happening, perform
from crossdock.sandbox.shopify.execute import Asked, answer, internal_error, throttled
from crossdock.sandbox.shopify.graph import Graph
from crossdock.sandbox.shopify.oauth import OAuthError, TokenOffice
from crossdock.sandbox.shopify.shop import Settings, Shop, Subscription
from crossdock.sandbox.simulator import Records, SeedError, Simulator
from crossdock.sandbox.webhooks import Webhook, WebhookSender

RETRY_S: Final = tuple(56.0 * 2**attempt for attempt in range(8))
"""Eight retries over four hours, each wait twice the last (the exact waits: unverified)."""

TIMEOUT_S: Final = 5.0
_UNKNOWN_TOKEN: Final = {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}


class ShopifySimulator(Simulator):
    """One shop and one app installed in it. Records change by `perform`, which sends webhooks as the platform does."""

    name: ClassVar[str] = "shopify"
    faulty: ClassVar[tuple[str, ...]] = (r"POST /admin/api/.*",)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.settings = Settings()
        self.shop = Shop(self.settings)
        self.bucket = Bucket(filled_at=self.clock())
        self.office = TokenOffice(
            client_id=f"{self.rng.getrandbits(128):032x}",
            client_secret=f"shpss_{self.rng.getrandbits(128):032x}",
            scopes=",".join(DEFAULT_SCOPES),
            rng=self.rng,
        )
        self.permanent_token = self.office.issue_permanent()
        self.webhooks = WebhookSender(self._sign, RETRY_S, TIMEOUT_S, self.rng, self.clock)

    def routes(self) -> Iterable[Route]:
        return (
            Route("POST", "/admin/api/{version}/graphql.json", self._graphql),
            Route("GET", "/admin/oauth/authorize", self._authorize),
            Route("POST", "/admin/oauth/access_token", self._token),
        )

    def credentials(self) -> dict[str, str]:
        return {
            "shop": self.settings.domain,
            "client_id": self.office.client_id,
            "client_secret": self.office.client_secret,
            "access_token": self.permanent_token,
            "api_version": versions.stable(self.clock.civil())[-1],
        }

    def seed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """`{"changes": [{"do": "create_customer", …}, …]}`; returns the ids by the refs that the changes gave."""
        for change in _changes(data):
            self._change(change)
        return {"refs": dict(self.shop.refs)}

    def notify(self, data: Mapping[str, Any]) -> int:
        """`{"changes": […]}` as in `seed`, each told by webhooks: so a script plays the life of a shop."""
        return sum(self.perform(change) for change in _changes(data))

    def perform(self, change: Mapping[str, Any]) -> int:
        """Makes one change and queues its webhooks; returns how many. Raises SeedError."""
        happening = self._change(change)
        return self._announce(happening)

    def list(self, kind: str) -> Records:
        """customers, products, orders as webhooks show them; subscriptions; and `books`, what accounts must show."""
        shop = self.shop
        match kind:
            case "orders":
                return [rest.order_body(shop, order) for order in shop.orders.values()]
            case "customers":
                return [rest.customer_body(shop, customer) for customer in shop.customers.values()]
            case "products":
                return [rest.product_body(shop, product) for product in shop.products.values()]
            case "subscriptions":
                return [{"topic": one.topic, "uri": one.uri} for one in shop.subscriptions.values()]
            case "books":
                return books(shop)
        raise KeyError(kind)

    def reset(self) -> None:
        super().reset()
        self.shop = Shop(self.settings)
        self.bucket = Bucket(filled_at=self.clock())

    def refusal(self, status: int, request: Request) -> Reply:
        """GraphQL says THROTTLED with HTTP 200 where others say 429; an internal error comes as 200 or as 5xx."""
        if status == 429:
            return Reply.json(throttled(self.bucket, self.clock.time_scale))
        return Reply.json(internal_error(f"{self.rng.getrandbits(64):016x}"), status)

    def not_found(self, request: Request) -> Reply:
        return Reply.json({"errors": "Not Found"}, 404)

    def _graphql(self, request: Request) -> Reply:
        version = versions.served(request.params["version"], self.clock.civil())
        if version is None:
            return Reply.json({"errors": "Not Found"}, 404)
        scopes = self.office.scopes_of(request.header("x-shopify-access-token"), self.clock())
        if scopes is None:
            return Reply.json(_UNKNOWN_TOKEN, 401)
        asked = _asked(request)
        if asked is None:
            return Reply.json({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        graph = Graph(self.shop, Access(scopes), self.clock.civil(), self.clock(), version)
        found = answer(asked, graph, self.bucket, self.clock(), self.clock.time_scale)
        if _is_throttled(found):
            self.throttles += 1
        headers = {"x-shopify-api-version": version, "x-request-id": f"{self.rng.getrandbits(64):016x}"}
        return Reply.json(found, headers=headers)

    def _authorize(self, request: Request) -> Reply:
        host = base64.b64encode(f"{self.settings.domain}/admin".encode()).decode().rstrip("=")
        try:
            back = self.office.authorize(
                dict(request.query), self.settings.domain, host, self.clock(), self.clock.civil()
            )
        except OAuthError as error:
            return Reply.json(error.body, error.status)
        target = request.query["redirect_uri"]
        joint = "&" if "?" in target else "?"
        return Reply(302, headers={"location": f"{target}{joint}{urlencode(back)}"})

    def _token(self, request: Request) -> Reply:
        is_json = request.header("content-type").startswith("application/json")
        try:
            form = request.json() if is_json else request.form()
            if not isinstance(form, dict):
                raise OAuthError(400, "invalid_request", "a form or a JSON object is needed")
            return Reply.json(self._told(self.office.token(form, self.clock())))
        except JsonError:
            return Reply.json({"error": "invalid_request", "error_description": "the body is not JSON"}, 400)
        except OAuthError as error:
            return Reply.json(error.body, error.status)

    def _told(self, granted: Mapping[str, Any]) -> Mapping[str, Any]:
        """A client lives in real time, so it is told lives that are that much shorter."""
        lives = {name: int(life / self.clock.time_scale) or 1 for name, life in granted.items() if name.endswith("_in")}
        return {**granted, **lives}

    def _change(self, change: Mapping[str, Any]) -> Happening:
        details = {name: value for name, value in change.items() if name != "do"}
        return perform(self.shop, str(change.get("do")), details, self.clock.civil(), self.clock())

    def _announce(self, happening: Happening) -> int:
        """Every webhook has an id of its own, kept on retries; those of one happening share the event id."""
        event_id = _uuid(self.rng.getrandbits(128))
        queued = 0
        for topic, kind, number in happening.about:
            body = self._body(topic, kind, number, happening)
            for subscription in self._subscriptions(topic):
                self._queue(topic, event_id, body, subscription)
                queued += 1
        return queued

    def _body(self, topic: str, kind: str, number: int, happening: Happening) -> dict[str, Any]:
        shop = self.shop
        if topic == "orders/edited" and happening.edit is not None:
            return rest.edit_body(shop, shop.orders[number], happening.edit)
        match kind:
            case "customer":
                return rest.customer_body(shop, shop.customers[number])
            case "product":
                return rest.product_body(shop, shop.products[number])
            case "refund":
                found = shop.refund(number)
                assert found is not None
                return rest.refund_body(shop, *found)
        return rest.order_body(shop, shop.orders[number])

    def _subscriptions(self, topic: str) -> Sequence[Subscription | None]:
        """Those made through the API; where a topic has none, the one of the admin door for every topic: None."""
        wanted = topic.upper().replace("/", "_")
        made = [one for one in self.shop.subscriptions.values() if one.topic == wanted]
        if made:
            return [*made]
        return [None] if self.webhooks and self.webhooks.target else []

    def _queue(self, topic: str, event_id: str, body: dict[str, Any], to: Subscription | None) -> None:
        civil = self.clock.civil()
        headers = {
            "content-type": "application/json",
            "x-shopify-topic": topic,
            "x-shopify-shop-domain": self.settings.domain,
            "x-shopify-api-version": versions.stable(civil)[-1],
            "x-shopify-webhook-id": (webhook_id := _uuid(self.rng.getrandbits(128))),
            "x-shopify-event-id": event_id,
            "x-shopify-triggered-at": datetime.fromtimestamp(civil, UTC).isoformat().replace("+00:00", "Z"),
        }
        if to is not None and to.name:
            headers["x-shopify-name"] = to.name
        if to is not None and to.include_fields:
            body = {name: value for name, value in body.items() if name in to.include_fields}
        assert self.webhooks is not None
        self.webhooks.queue(Webhook(webhook_id, encode_json(body), headers), to.uri if to else None)

    def _sign(self, webhook: Webhook, url: str, civil: float) -> Mapping[str, str]:
        """Base64 HMAC-SHA256 over the raw body, keyed with the app's client secret."""
        digest = hmac.new(self.office.client_secret.encode(), webhook.body, hashlib.sha256).digest()
        return {"x-shopify-hmac-sha256": base64.b64encode(digest).decode()}


def _uuid(bits: int) -> str:
    text = f"{bits:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _changes(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    changes = data.get("changes")
    if set(data) != {"changes"} or not isinstance(changes, list) or not all(isinstance(one, dict) for one in changes):
        raise SeedError('{"changes": [{"do": …, …}, …]} is needed')
    return changes


def _asked(request: Request) -> Asked | None:
    try:
        body = request.json()
    except JsonError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        return None
    variables = body.get("variables") or {}
    return Asked(body["query"], variables, body.get("operationName")) if isinstance(variables, dict) else None


def _is_throttled(found: Mapping[str, Any]) -> bool:
    return any(problem.get("extensions", {}).get("code") == "THROTTLED" for problem in found.get("errors", ()))
