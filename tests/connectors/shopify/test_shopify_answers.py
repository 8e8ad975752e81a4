"""What Shopify says, and what it comes to: GraphQL errors, costs, webhooks, tokens."""

import hmac
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from crossdock.connectors.shopify.connector import ShopifyConnector
from crossdock.connectors.shopify.documents import document
from crossdock.connectors.shopify.settings import ShopifySettings
from crossdock.core import json
from crossdock.core.connector import Call, Inbound
from crossdock.core.errors import CredentialError
from crossdock.core.limits import AuthExpired, Budget
from crossdock.core.secret import Credential, Secret
from crossdock.core.signatures import SHOPIFY, sign
from crossdock.core.verdict import Done, NotDone, Refused, Unknown
from crossdock.core.wire import Http
from crossdock.testing.drive import drive, reply

SHOP = "joannas-shop.myshopify.com"
CREDENTIAL = Credential(
    {name: Secret(name) for name in ("client_id", "client_secret", "access_token", "refresh_token")}
)
ASK = Call("poll:orders", Http("POST", f"https://{SHOP}/admin/api/2026-07/graphql.json"))
COST = {
    "requestedQueryCost": 752,
    "actualQueryCost": None,
    "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": 252, "restoreRate": 100},
}


def connector() -> ShopifyConnector:
    return ShopifyConnector(ShopifySettings(shop=SHOP, currency="CAD"))


def errors(code: str, **more: Any) -> dict[str, Any]:
    return {"errors": [{"message": "said", "extensions": {"code": code}}], "extensions": {"cost": COST}, **more}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(200, {"data": {"orders": {}}}), Done),
        (reply(200, errors("THROTTLED")), NotDone),
        (reply(200, errors("MAX_COST_EXCEEDED")), Refused),
        (reply(200, errors("INTERNAL_SERVER_ERROR")), Unknown),
        (reply(200, errors("ACCESS_DENIED", data={"order": {"id": "1", "customer": None}})), Refused),
        (reply(200, {"data": {"x": {"userErrors": [{"message": "no"}]}}}), Refused),
        (reply(200, {"data": {"x": {"userErrors": [{"code": "IDEMPOTENCY_CONCURRENT_REQUEST"}]}}}), NotDone),
        (reply(200, {}), Unknown),
        (reply(200, "<!doctype html><p>Log in"), Unknown),
        (reply(401, {"errors": "[API] Invalid API key"}), NotDone),
        (reply(402, {}), NotDone),
        (reply(404, {"errors": "Not Found"}), Refused),
        (reply(502, "Bad Gateway"), Unknown),
    ],
)
def test_each_answer_comes_to_its_verdict(answer: Any, kind: type) -> None:
    assert isinstance(connector().judge(ASK, answer, 0.0), kind)


def test_a_throttled_query_waits_as_long_as_the_bucket_needs() -> None:
    verdict = connector().judge(ASK, reply(200, errors("THROTTLED")), 0.0)
    assert isinstance(verdict, NotDone)
    assert (verdict.wait_s, verdict.counts) == (5.0, False)


def test_every_answer_teaches_the_budget() -> None:
    answer = reply(200, {"data": {}, "extensions": {"cost": COST}})
    assert connector().learn(ASK, answer) == [Budget("points", 252.0, 2000.0, 100.0)]
    assert isinstance(connector().learn(ASK, reply(401, {}))[0], AuthExpired)


def test_a_document_holds_just_the_fragments_that_it_uses() -> None:
    text = document("customers_by_id")
    assert "fragment CustomerFields" in text
    assert "fragment Address" in text
    assert "fragment OrderFields" not in text


# --- reads ------------------------------------------------------------------------------------------------------


def page(ids: list[int], more: bool) -> dict[str, Any]:
    nodes = [{"legacyResourceId": str(n), "updatedAt": f"2026-11-03T14:00:{n:02d}Z"} for n in ids]
    return {
        "data": {"orders": {"nodes": nodes, "pageInfo": {"hasNextPage": more, "endCursor": "c1" if more else None}}}
    }


def test_a_poll_goes_on_where_it_was_and_moves_its_start_when_a_round_is_through() -> None:
    platform = connector()
    poll = platform.polls["orders"]
    first = drive(platform, poll.read(None, 1_793_714_400.0), [reply(200, page([1, 2], True))])
    assert first.value is not None
    assert first.value.more
    variables = first.body("poll:orders")["variables"]
    assert variables["query"] == "updated_at:>='2026-11-03T13:58:00Z'"
    second = drive(platform, poll.read(first.value.cursor, 0.0), [reply(200, page([3], False))])
    assert second.value is not None
    assert second.body("poll:orders")["variables"] == {**variables, "after": "c1"}
    assert second.value.cursor == {"since": 1_793_714_403.0}
    assert not second.value.more
    (part,) = second.value.parts
    assert (part.topic, part.hydrate, part.remote_id) == ("orders/read", "order", "3")
    assert part.identity == "poll:order:3:2026-11-03T14:00:03Z"


def test_an_order_with_many_lines_is_read_to_its_end() -> None:
    platform = connector()
    lines = {"nodes": [{"id": "a"}], "pageInfo": {"hasNextPage": True, "endCursor": "x"}}
    order = {"id": "gid://shopify/Order/5", "legacyResourceId": "5", "lineItems": lines, "refunds": []}
    rest = {"order": {"lineItems": {"nodes": [{"id": "b"}], "pageInfo": {"hasNextPage": False, "endCursor": None}}}}
    answers = [reply(200, {"data": {"nodes": [order, None]}}), reply(200, {"data": rest})]
    run = drive(platform, platform.hydrates["order"].fetch({"p": "5", "q": "6"}), answers)
    assert run.value is not None
    assert list(run.value) == ["p"]
    assert [line["id"] for line in run.value["p"]["lineItems"]["nodes"]] == ["a", "b"]


# --- webhooks ---------------------------------------------------------------------------------------------------


def inbound(topic: str, body: Any, **headers: str) -> Inbound:
    said = {"x-shopify-topic": topic, "x-shopify-webhook-id": "w1", "x-shopify-shop-domain": SHOP, **headers}
    return Inbound("POST", "https://hub/hooks/shop", said, json.encode(body))


@pytest.mark.parametrize(
    ("topic", "body", "hint", "hydrate"),
    [
        ("orders/create", {"id": 5310000000123}, "order/5310000000123", ""),
        ("orders/updated", {"id": 1, "financial_status": "partially_paid"}, "order/1", "order"),
        ("orders/paid", {"id": 1}, "order/1", "order"),
        ("orders/edited", {"order_edit": {"id": 9, "order_id": 1}}, "order/1", "order"),
        ("refunds/create", {"id": 9, "order_id": 1}, "order/1", "order"),
        ("customers/update", {"id": 7}, "customer/7", ""),
    ],
)
def test_what_belongs_to_an_order_stands_in_its_line(topic: str, body: Any, hint: str, hydrate: str) -> None:
    webhook = connector().webhook
    assert webhook is not None
    (part,) = webhook.split(inbound(topic, body))
    assert (part.identity, part.order_hint, part.hydrate) == ("w1", hint, hydrate)


def test_another_shops_webhook_is_not_taken_for_ours() -> None:
    webhook = connector().webhook
    assert webhook is not None
    with pytest.raises(ValueError, match="another-shop"):
        webhook.split(inbound("orders/create", {"id": 1}, **{"x-shopify-shop-domain": "another-shop.myshopify.com"}))


@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": {}}, {"id": True}, []])
def test_an_order_without_an_id_is_never_called_none(body: Any) -> None:
    webhook = connector().webhook
    assert webhook is not None
    with pytest.raises(ValueError, match="the body"):
        webhook.split(inbound("orders/create", body))


def test_only_shopifys_signature_lets_a_webhook_in() -> None:
    webhook = connector().webhook
    assert webhook is not None
    request, secret = inbound("orders/create", {"id": 1}), Secret("client secret")
    signed = Inbound("POST", request.url, {**request.headers, **sign(SHOPIFY, request, secret, 0.0)}, request.body)
    assert webhook.verify(signed, [secret], 0.0) is None
    assert webhook.verify(request, [secret], 0.0) is not None
    without = {name: value for name, value in signed.headers.items() if name != "x-shopify-webhook-id"}
    assert webhook.verify(Inbound("POST", request.url, without, request.body), [secret], 0.0) is not None


# --- tokens -----------------------------------------------------------------------------------------------------


def callback(now: int = 1000, **changed: str) -> dict[str, str]:
    said = {"code": "c", "shop": SHOP, "state": "s", "timestamp": str(now), **changed}
    text = "&".join(f"{name}={value}" for name, value in sorted(said.items()))
    return {**said, "hmac": hmac.digest(b"client_secret", text.encode(), "sha256").hex()}


def test_connecting_asks_for_a_token_that_expires() -> None:
    platform = connector()
    assert platform.oauth is not None
    answer = {"access_token": "a", "expires_in": 3600, "refresh_token": "r", "refresh_token_expires_in": 7_776_000}
    run = drive(
        platform, platform.oauth.redeem(CREDENTIAL, "https://hub", "v", callback(), 1000.0), [reply(200, answer)]
    )
    assert run.value is not None
    assert (run.value.account, run.value.expires_at, run.value.get("refresh_token")) == (SHOP, 4600.0, "r")
    assert run.body("redeem")["expiring"] == "1"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({**callback(), "code": "stolen"}, "signature"),
        (callback(now=1), "too old"),
        (callback(shop="another.myshopify.com"), "another shop"),
    ],
)
def test_a_callback_that_is_forged_old_or_for_another_shop_connects_nothing(said: dict[str, str], why: str) -> None:
    platform = connector()
    assert platform.oauth is not None
    with pytest.raises(CredentialError, match=why):
        drive(platform, platform.oauth.redeem(CREDENTIAL, "https://hub", "v", said, 1000.0))


def test_a_refresh_replaces_the_refresh_token() -> None:
    platform = connector()
    answer = {"access_token": "a2", "refresh_token": "r2", "expires_in": Decimal(3600)}
    run = drive(platform, platform.refresh(CREDENTIAL, 0.0), [reply(200, answer)])
    assert run.value is not None
    assert run.value.get("refresh_token") == "r2"
    assert run.body("refresh")["refresh_token"] == "refresh_token"
    refused = drive(platform, platform.refresh(CREDENTIAL, 0.0), [reply(401, {"error": "invalid_client"})])
    assert isinstance(refused.stopped, Refused)
    with pytest.raises(CredentialError, match="no refresh token"):
        drive(platform, platform.refresh(Credential({"access_token": Secret("x")}), 0.0))


def test_a_shop_is_named_by_its_own_domain() -> None:
    with pytest.raises(ValidationError):
        ShopifySettings(shop="https://joanna.example.com", currency="CAD")
