"""Webhooks over a socket: signature, one realm in order, repeats, retries, and what each change tells."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from quickbooks import QuickBooks

from crossdock.sandbox.clock import StillClock
from crossdock.sandbox.quickbooks import QuickBooksSimulator
from crossdock.sandbox.serve import Served, serve


class HurriedClock(StillClock):
    """Tokens do not age, and a day's wait takes a tenth of a second."""

    def real_s(self, simulated_s: float) -> float:
        return simulated_s / 1_000_000


class Inbox:
    """A receiver that answers what it is told to, and keeps what came."""

    def __init__(self) -> None:
        self.came: list[tuple[Mapping[str, str], bytes]] = []
        self.answers: list[int] = []
        self.url = ""

    async def receive(self, request: web.Request) -> web.Response:
        self.came.append((request.headers, await request.read()))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    def events(self) -> list[dict[str, Any]]:
        return [event for _, body in self.came for event in json.loads(body)]

    def told(self) -> list[tuple[str, str]]:
        return [(event["type"], event["intuitentityid"]) for event in self.events()]


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    box = Inbox()
    app = web.Application()
    app.router.add_post("/hooks/quickbooks", box.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    box.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/quickbooks"
    yield box
    await runner.cleanup()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    (one,) = await serve([QuickBooksSimulator(seed=7, clock=HurriedClock())])
    yield one
    await one.close()


@pytest.fixture
async def api(served: Served) -> AsyncIterator["Api"]:
    keys = served.simulator.credentials()
    headers = {"authorization": f"Bearer {keys['access_token']}", "accept": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as client:
        yield Api(served, client, f"{served.url}/v3/company/{keys['realm_id']}")


class Api:
    def __init__(self, served: Served, client: aiohttp.ClientSession, company: str) -> None:
        self.served = served
        self.client = client
        self.company = company

    async def post(self, path: str, body: Any) -> Any:
        async with self.client.post(f"{self.company}/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def admin(self, path: str, body: Any) -> Any:
        async with self.client.post(f"{self.served.admin}/{path}", json=body) as answer:
            return answer.status, await answer.json()

    async def customer(self, name: str) -> str:
        return str((await self.post("customer", {"DisplayName": name}))["Customer"]["Id"])

    async def drained(self) -> dict[str, int]:
        assert self.served.simulator.webhooks
        await self.served.simulator.webhooks.drain()
        return self.served.simulator.webhooks.stats()


async def test_the_signature_is_what_the_library_checks(api: Api, inbox: Inbox) -> None:
    await api.admin("webhooks", {"url": inbox.url})
    id_ = await api.customer("Zoë")
    await api.drained()
    ((headers, body),) = inbox.came
    judge = object.__new__(QuickBooks)
    verifier = api.served.simulator.credentials()["verifier_token"]
    assert judge.validate_webhook_signature(body.decode(), headers["intuit-signature"], verifier)
    assert not judge.validate_webhook_signature(body.decode() + " ", headers["intuit-signature"], verifier)
    (event,) = json.loads(body)
    assert (event["specversion"], event["type"]) == ("1.0", "qbo.customer.created.v1")
    assert (event["intuitentityid"], event["intuitaccountid"]) == (id_, api.company.rsplit("/", 1)[1])


async def test_a_payment_tells_of_its_invoice_too(api: Api, inbox: Inbox) -> None:
    ada = await api.customer("Ada")
    detail = {"ItemRef": {"value": "SHIPPING_ITEM_ID"}, "TaxCodeRef": {"value": "2"}}
    line = {"DetailType": "SalesItemLineDetail", "Amount": 10, "SalesItemLineDetail": detail}
    owed = (await api.post("invoice", {"CustomerRef": {"value": ada}, "Line": [line]}))["Invoice"]["Id"]
    await api.admin("webhooks", {"url": inbox.url})
    applied = [{"Amount": 10, "LinkedTxn": [{"TxnId": owed, "TxnType": "Invoice"}]}]
    paid = await api.post("payment", {"CustomerRef": {"value": ada}, "TotalAmt": 10, "Line": applied})
    id_, token = paid["Payment"]["Id"], paid["Payment"]["SyncToken"]
    await api.post("payment?operation=update&include=void", {"Id": id_, "SyncToken": token, "sparse": True})
    await api.post("invoice?operation=delete", {"Id": owed, "SyncToken": "2"})
    await api.drained()
    assert inbox.told() == [
        ("qbo.payment.created.v1", id_),
        ("qbo.invoice.updated.v1", owed),
        ("qbo.payment.voided.v1", id_),
        ("qbo.invoice.updated.v1", owed),
        ("qbo.invoice.deleted.v1", owed),
    ]


async def test_a_refused_request_and_a_repeated_one_tell_nothing(api: Api, inbox: Inbox) -> None:
    await api.admin("webhooks", {"url": inbox.url})
    for _ in range(3):
        await api.post("customer?requestid=r-1", {"DisplayName": "Ada"})
    async with api.client.post(f"{api.company}/customer", json={"DisplayName": "Ada"}) as refused:
        assert refused.status == 400
    await api.drained()
    assert len(inbox.came) == 1


async def test_what_is_not_acknowledged_is_sent_again_and_holds_the_later_ones_back(api: Api, inbox: Inbox) -> None:
    inbox.answers = [500, 404]
    await api.admin("webhooks", {"url": inbox.url})
    first, second = await api.customer("Ann"), await api.customer("Bea")
    stats = await api.drained()
    assert [id_ for _, id_ in inbox.told()] == [first, first, first, second]
    assert len({event["id"] for event in inbox.events()}) == 2
    assert (stats["sent"], stats["failed"], stats["attempts"], stats["given_up"]) == (2, 2, 4, 0)


async def test_a_webhook_nobody_takes_is_given_up_in_the_end(api: Api, inbox: Inbox) -> None:
    inbox.answers = [500] * 100
    await api.admin("webhooks", {"url": inbox.url})
    await api.customer("Ann")
    stats = await api.drained()
    assert (stats["given_up"], stats["sent"], stats["attempts"]) == (1, 0, 20)


async def test_repeats_carry_the_same_id(api: Api, inbox: Inbox) -> None:
    await api.admin("webhooks", {"url": inbox.url, "duplicates": 1})
    for name in ("Ann", "Bea"):
        await api.customer(name)
    stats = await api.drained()
    assert stats["duplicates"] == 2
    ids = [event["id"] for event in inbox.events()]
    assert sorted(ids) == sorted([*set(ids), *set(ids)])


async def test_a_shuffle_lets_neighbours_overtake(api: Api, inbox: Inbox) -> None:
    await api.admin("webhooks", {"url": inbox.url, "shuffle_s": 20_000})
    made = await asyncio.gather(*(api.customer(f"C{number}") for number in range(8)))
    await api.drained()
    came = [id_ for _, id_ in inbox.told()]
    assert sorted(came) == sorted(made)
    stored = [record["Id"] for record in api.served.simulator.list("customer")]
    assert came != stored


async def test_the_admin_can_tell_of_a_change_that_a_user_made(api: Api, inbox: Inbox) -> None:
    await api.admin("webhooks", {"url": inbox.url})
    assert await api.admin("webhooks/send", {"entity": "customer", "id": "58", "verb": "merged"}) == (
        200,
        {"queued": 1},
    )
    await api.drained()
    assert inbox.told() == [("qbo.customer.merged.v1", "58")]
    status, problem = await api.admin("webhooks/send", {"entity": "customer", "id": "58", "verb": "vanished"})
    assert (status, "vanished" in problem["error"]) == (400, True)


@pytest.mark.parametrize(
    "wrong", [{"url": "ftp://x"}, {"url": "http://x", "duplicates": 2}, {"url": "http://x", "often": 1}]
)
async def test_a_wrong_target_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    status, problem = await api.admin("webhooks", wrong)
    assert (status, bool(problem["error"])) == (400, True)
