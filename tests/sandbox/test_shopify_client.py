"""The ShopifyAPI library, unmodified, over a socket: sessions, OAuth and GraphQL; and webhooks as it would verify them.

The library always speaks HTTPS to `{shop}.{myshopify_domain}`; its own settings make that 127.0.0.1, so the token
exchange runs over TLS with a certificate that this test makes and the library's OpenSSL is told to trust.
"""

import asyncio
import base64
import contextlib
import datetime
import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
import shopify
import uvicorn
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from crossdock.sandbox.clock import StillClock
from crossdock.sandbox.serve import Served, serve
from crossdock.sandbox.shopify import ShopifySimulator

LINE = {"product": "mug", "quantity": 2}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    simulator = ShopifySimulator()
    (one,) = await serve([simulator], time_scale=1000)
    simulator.seed(
        {
            "changes": [
                {"do": "create_product", "ref": "mug", "title": "Mug", "variants": [{"sku": "M", "price": "20.00"}]},
                {"do": "create_customer", "ref": "zoe", "first_name": "Zoë", "email": "zoe@example.com"},
            ]
        }
    )
    yield one
    await one.close()


@pytest.fixture
def session_settings(served: Served) -> Iterator[None]:
    """The library's own settings: shop `127` of the domain `0.0.1`."""
    keys = served.simulator.credentials()
    kept = {
        name: getattr(shopify.Session, name) for name in ("api_key", "secret", "protocol", "myshopify_domain", "port")
    }
    shopify.Session.setup(
        api_key=keys["client_id"],
        secret=keys["client_secret"],
        protocol="http",
        myshopify_domain="0.0.1",
        port=urlsplit(served.url).port,
    )
    yield
    shopify.ShopifyResource.clear_session()
    shopify.Session.setup(**kept)


async def test_its_session_reads_orders_through_graphql(served: Served, session_settings: None) -> None:
    order = {"do": "place_order", "ref": "o1", "customer": "zoe", "lines": [LINE], "paid": True}
    served.simulator.seed({"changes": [order]})
    token = served.simulator.credentials()["access_token"]

    def read() -> Any:
        with shopify.Session.temp("127.0.0.1", "2026-10", token):
            client = shopify.GraphQL()
            document = (
                "query One($id: ID!) { order(id: $id) { name customer { displayName } } } query Two { shop { name } }"
            )
            gid = f"gid://shopify/Order/{served.simulator.shop.refs['o1']}"  # type: ignore[attr-defined]
            return json.loads(client.execute(document, {"id": gid}, "One"))

    answer = await asyncio.to_thread(read)
    assert answer["data"]["order"] == {"name": "#1001", "customer": {"displayName": "Zoë"}}
    assert answer["extensions"]["cost"]["requestedQueryCost"] == 2


async def authorized(served: Served, **query: str) -> dict[str, str]:
    """What the merchant's browser brings back from the consent page."""
    keys = served.simulator.credentials()
    asked = {
        "client_id": keys["client_id"],
        "scope": "read_orders,read_customers",
        "redirect_uri": "http://127.0.0.1:1/callback",
        "state": "s1",
        **query,
    }
    async with aiohttp.ClientSession() as http:
        url = f"{served.url}/admin/oauth/authorize"
        async with http.get(url, params=asked, allow_redirects=False) as answer:
            assert answer.status == 302
            return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def exchanged(served: Served, **form: str) -> tuple[int, Any]:
    keys = served.simulator.credentials()
    body = {"client_id": keys["client_id"], "client_secret": keys["client_secret"], **form}
    url = f"{served.url}/admin/oauth/access_token"
    async with aiohttp.ClientSession() as http, http.post(url, data=body) as answer:
        return answer.status, await answer.json()


async def asks(served: Served, token: str) -> int:
    url, body = f"{served.url}/admin/api/unstable/graphql.json", {"query": "{ shop { name } }"}
    headers = {"X-Shopify-Access-Token": token}
    async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=headers) as answer:
        return answer.status


async def test_it_accepts_the_callback_and_a_changed_one_not(served: Served, session_settings: None) -> None:
    back = await authorized(served)
    assert back["state"] == "s1"
    assert shopify.Session.validate_params(back)
    assert not shopify.Session.validate_params({**back, "shop": "other.myshopify.com"})


async def test_it_exchanges_the_code_over_tls(
    served: Served, session_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = await authorized(served)
    async with tls_in_front_of(served, tmp_path, monkeypatch) as port:
        shopify.Session.setup(port=port)
        session = shopify.Session("127.0.0.1", "2026-10")
        token = await asyncio.to_thread(session.request_token, back)
    assert token.startswith("shpat_")
    assert str(session.access_scopes) in {"read_orders,read_customers", "read_customers,read_orders"}
    assert await asks(served, token) == 200


@contextlib.asynccontextmanager
async def tls_in_front_of(served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The simulator a second time, behind TLS as the platform is."""
    certificate = self_signed(folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    config = uvicorn.Config(served.simulator, ssl_certfile=certificate, lifespan="off", ws="none", log_level="warning")
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "edge.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def still() -> StillClock:
    return StillClock()


@pytest.fixture
async def expiring(still: StillClock) -> AsyncIterator[Served]:
    (one,) = await serve([ShopifySimulator(clock=still)])
    yield one
    await one.close()


async def test_a_code_works_once_and_only_with_the_apps_secret(expiring: Served) -> None:
    back = await authorized(expiring)
    status, refused = await exchanged(expiring, code=back["code"], client_secret="wrong")
    assert (status, refused["error"]) == (401, "invalid_client")
    status, granted = await exchanged(expiring, code=back["code"], expiring="1")
    assert status == 200
    assert (granted["expires_in"], granted["refresh_token_expires_in"]) == (3600, 7_776_000)
    status, _ = await exchanged(expiring, code=back["code"], expiring="1")
    assert status == 400


async def test_client_credentials_give_a_day_without_refresh(expiring: Served) -> None:
    status, granted = await exchanged(expiring, grant_type="client_credentials")
    assert (status, granted["expires_in"], "refresh_token" in granted) == (200, 86_399, False)
    assert await asks(expiring, granted["access_token"]) == 200


async def refreshed(served: Served, token: str) -> tuple[int, Any]:
    return await exchanged(served, grant_type="refresh_token", refresh_token=token)


async def test_a_refresh_may_be_repeated_until_its_replacement_is_used(expiring: Served, still: StillClock) -> None:
    back = await authorized(expiring)
    _, first = await exchanged(expiring, code=back["code"], expiring="1")
    still.advance(3_601)
    assert await asks(expiring, first["access_token"]) == 401
    _, lost = await refreshed(expiring, first["refresh_token"])
    status, second = await refreshed(expiring, first["refresh_token"])
    assert status == 200
    assert await asks(expiring, second["access_token"]) == 200
    assert (await refreshed(expiring, lost["refresh_token"]))[0] == 400
    status, third = await refreshed(expiring, second["refresh_token"])
    assert status == 200
    assert (await refreshed(expiring, first["refresh_token"]))[0] == 400
    still.advance(90 * 86_400)
    assert (await refreshed(expiring, third["refresh_token"]))[0] == 400


class Receiver:
    """A webhook endpoint that keeps what it got and answers as told."""

    def __init__(self) -> None:
        self.got: list[tuple[Any, bytes]] = []
        self.answers: list[int] = []

    async def __call__(self, request: web.Request) -> web.Response:
        self.got.append((request.headers.copy(), await request.read()))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    got = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", got)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield got, f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/shopify"
    await runner.cleanup()


async def admin(served: Served, path: str, body: dict[str, Any]) -> Any:
    async with aiohttp.ClientSession() as http, http.post(f"{served.admin}/{path}", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def drained(served: Served) -> None:
    assert served.simulator.webhooks is not None
    await served.simulator.webhooks.drain()


async def test_webhooks_are_signed_full_and_share_the_event_id(served: Served, receiver: tuple[Receiver, str]) -> None:
    got, url = receiver
    await admin(served, "webhooks", {"url": url})
    order = {"do": "place_order", "ref": "o1", "customer": "zoe", "lines": [LINE], "paid": True}
    assert await admin(served, "webhooks/send", {"changes": [order]}) == {"queued": 4}
    await drained(served)
    secret = served.simulator.credentials()["client_secret"].encode()
    for headers, body in got.got:
        digest = base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()
        assert headers["X-Shopify-Hmac-Sha256"] == digest
        assert headers["X-Shopify-Shop-Domain"] == "joannas-shop.myshopify.com"
        assert headers["X-Shopify-Triggered-At"].endswith("Z")
        assert headers["X-Shopify-API-Version"]
    topics = sorted(headers["X-Shopify-Topic"] for headers, _ in got.got)
    assert topics == ["customers/update", "orders/create", "orders/paid", "orders/updated"]
    assert len({headers["X-Shopify-Event-Id"] for headers, _ in got.got}) == 1
    assert len({headers["X-Shopify-Webhook-Id"] for headers, _ in got.got}) == 4
    (body,) = (json.loads(body) for headers, body in got.got if headers["X-Shopify-Topic"] == "orders/paid")
    assert (body["total_price"], body["financial_status"], body["customer"]["email"]) == (
        "40.00",
        "paid",
        "zoe@example.com",
    )
    assert body["created_at"][-6:] in {"-05:00", "-04:00"}


async def test_a_retry_keeps_webhook_id_and_body(served: Served, receiver: tuple[Receiver, str]) -> None:
    got, url = receiver
    got.answers = [500, 302, 200]
    await admin(served, "webhooks", {"url": url})
    await admin(served, "webhooks/send", {"changes": [{"do": "update_customer", "customer": "zoe", "note": "x"}]})
    await drained(served)
    assert len(got.got) == 3
    assert len({(headers["X-Shopify-Webhook-Id"], body) for headers, body in got.got}) == 1


async def test_a_subscription_of_a_topic_takes_its_webhooks(served: Served, receiver: tuple[Receiver, str]) -> None:
    got, url = receiver
    make = """mutation($uri: String!) { webhookSubscriptionCreate(topic: ORDERS_CREATE,
      webhookSubscription: {uri: $uri, includeFields: ["id", "name"]}) { userErrors { message } } }"""
    token = served.simulator.credentials()["access_token"]
    async with aiohttp.ClientSession(headers={"X-Shopify-Access-Token": token}) as http:
        body = {"query": make, "variables": {"uri": url + "/own"}}
        async with http.post(f"{served.url}/admin/api/2026-10/graphql.json", json=body) as answer:
            assert (await answer.json())["data"]["webhookSubscriptionCreate"]["userErrors"] == []
    sent = await admin(served, "webhooks/send", {"changes": [{"do": "place_order", "ref": "o1", "lines": [LINE]}]})
    await drained(served)
    assert sent == {"queued": 1}
    assert [headers["X-Shopify-Topic"] for headers, _ in got.got] == ["orders/create"]
    assert set(json.loads(got.got[0][1])) == {"id", "name"}


async def test_an_edit_is_told_as_a_difference_and_a_refund_as_itself(
    served: Served, receiver: tuple[Receiver, str]
) -> None:
    got, url = receiver
    served.simulator.seed({"changes": [{"do": "place_order", "ref": "o1", "lines": [LINE], "paid": True}]})
    await admin(served, "webhooks", {"url": url})
    changes = [
        {"do": "edit_order", "order": "o1", "set": [{"line": 0, "quantity": 1}]},
        {"do": "refund_order", "order": "o1"},
        {"do": "cancel_order", "order": "o1", "reason": "INVENTORY"},
    ]
    await admin(served, "webhooks/send", {"changes": changes})
    await drained(served)
    bodies = {headers["X-Shopify-Topic"]: json.loads(body) for headers, body in got.got}
    assert bodies["orders/edited"]["order_edit"]["line_items"]["removals"][0]["delta"] == -1
    refunds = [json.loads(body) for headers, body in got.got if headers["X-Shopify-Topic"] == "refunds/create"]
    assert {refund["order_id"] for refund in refunds} == {bodies["orders/cancelled"]["id"]}
    assert bodies["orders/cancelled"]["cancel_reason"] == "inventory"
