"""The shop as it is read over a socket: polls, hydrates, connecting."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from crossdock.connectors.shopify.connector import ShopifyConnector
from crossdock.connectors.shopify.settings import ShopifySettings
from crossdock.core.connector import Connector, Part
from crossdock.core.secret import Credential, Secret
from crossdock.core.wire import Http
from crossdock.sandbox.clock import StillClock
from crossdock.sandbox.shopify.search import LAG_S
from crossdock.sandbox.simulator import Simulator

MUG = {"do": "create_product", "ref": "mug", "title": "Mug", "variants": [{"price": "20.00", "sku": "MUG-1"}]}


def build(simulator: Simulator) -> tuple[Connector, Credential]:
    said = simulator.credentials()
    connector = ShopifyConnector(ShopifySettings(shop=said["shop"], currency="CAD", base_url=simulator.url))
    names = ("client_id", "client_secret", "access_token")
    return connector, Credential({name: Secret(said[name]) for name in names})


def orders(count: int, lines: int = 1) -> dict[str, Any]:
    line = {"product": "mug", "quantity": 1}
    placed = [{"do": "place_order", "ref": f"o{n}", "lines": [line] * lines, "paid": True} for n in range(count)]
    return {"changes": [MUG, *placed]}


async def poll_all(live: Any, since: float) -> tuple[list[Part], Any]:
    """Every page of one round, and the cursor after it."""
    parts: list[Part] = []
    cursor: Any = {"since": since}
    while True:
        page = await live.run(live.connector.polls["orders"].read(cursor, since))
        parts += page.parts
        cursor = page.cursor
        if not page.more:
            return parts, cursor


async def test_a_round_of_polls_misses_no_order_and_the_next_one_sees_no_new_identity(start_live: Any) -> None:
    live = await start_live("shopify", build)
    clock = StillClock(time.time())
    live.simulator.set_clock(clock)
    live.simulator.seed(orders(250))
    clock.advance(LAG_S * 2)
    parts, cursor = await poll_all(live, 0.0)
    assert {part.remote_id for part in parts} == {str(number) for number in live.simulator.shop.orders}
    again, _ = await poll_all(live, cursor["since"])
    assert {part.identity for part in again} <= {part.identity for part in parts}


async def test_an_order_longer_than_a_page_is_read_whole(start_live: Any) -> None:
    live = await start_live("shopify", build, orders(2, lines=140))
    ids = [str(number) for number in live.simulator.shop.orders]
    records = await live.run(live.connector.hydrates["order"].fetch({"a": ids[0], "b": ids[1], "c": "1"}))
    assert set(records) == {"a", "b"}
    lines = records["a"]["lineItems"]["nodes"]
    assert len({line["id"] for line in lines}) == 140


async def test_every_document_is_one_that_the_platform_takes(start_live: Any) -> None:
    live = await start_live("shopify", build, orders(1))
    for kind, hydrate in live.connector.hydrates.items():
        assert await live.run(hydrate.fetch({"a": "1"})) == {}, kind
    for poll in live.connector.polls.values():
        await live.run(poll.read(None, 1_700_000_000.0))
    assert {call.cost["points"] for call in live.sent} == {76.0, 3.0, 10.0, 11.0}


async def test_connecting_ends_with_tokens_that_renew_themselves(start_live: Any) -> None:
    live = await start_live("shopify", build, orders(1))
    url = live.connector.oauth.authorize_url(live.credential, "https://hub.example.com/connected", "state", "challenge")
    answer = await live.exchange(Http("GET", url))
    callback = dict(parse_qsl(urlsplit(answer.header("location")).query))
    assert callback["state"] == "state"
    steps = live.connector.oauth.redeem(
        live.credential, "https://hub.example.com/connected", "verifier", callback, time.time()
    )
    live.credential = await live.run(steps)
    assert live.credential.get("refresh_token")
    live.credential = await live.run(live.connector.refresh(live.credential, time.time()))
    assert await live.run(live.connector.hydrates["order"].fetch({"a": "1"})) == {}
