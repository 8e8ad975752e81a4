"""What the library does not show: dated paths, limits, scopes, search operators and webhooks."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from hubspot.utils.signature import Signature

from crossdock.sandbox.clock import StillClock
from crossdock.sandbox.hubspot import HubSpotSimulator
from crossdock.sandbox.hubspot.events import signature
from crossdock.sandbox.webhooks import Target


class Client:
    """A bare HTTP client of the portal."""

    def __init__(self, simulator: HubSpotSimulator, door: Any) -> None:
        self.simulator = simulator
        self.door = door
        self.token = simulator.credentials()["access_token"]

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer: tuple[int, Any] = await self.door.ask(method, path, body, authorization=f"Bearer {self.token}")
        return answer


@pytest.fixture
def client(json_door: Callable[[HubSpotSimulator], Any]) -> Client:
    simulator = HubSpotSimulator(clock=StillClock())
    return Client(simulator, json_door(simulator))


async def test_dated_paths_and_type_ids_are_the_same_records(client: Client) -> None:
    body = {"properties": {"email": "zoe@example.com"}}
    status, made = await client.ask("POST", "/crm/objects/2026-03/contacts", body)
    assert status == 201
    for path in ("/crm/v3/objects/contacts", "/crm/objects/2026-09/0-1", "/crm/objects/2026-03/contact"):
        assert (await client.ask("GET", f"{path}/{made['id']}"))[1]["id"] == made["id"]
    assert (await client.ask("GET", f"/crm/objects/2020-01/contacts/{made['id']}"))[0] == 404
    status, _ = await client.ask("POST", "/crm/objects/2026-03/deals", {"properties": {"dealname": "Order"}})
    assert status == 201
    path = f"/crm/objects/2026-03/contacts/{made['id']}/associations/default/deals/{int(made['id']) + 1}"
    assert (await client.ask("PUT", path))[0] == 200
    read = {"inputs": [{"id": made["id"]}]}
    status, links = await client.ask("POST", "/crm/associations/2026-03/contacts/deals/batch/read", read)
    assert links["results"][0]["to"][0]["associationTypes"][0]["typeId"] == 4
    status, found = await client.ask("GET", "/crm/pipelines/2026-03/deals")
    assert found["results"][0]["id"] == "default"
    assert (await client.ask("GET", "/crm/properties/2026-03/contacts/email"))[1]["hasUniqueValue"] is True


async def test_wrong_tokens_and_missing_scopes_have_their_own_bodies(client: Client) -> None:
    client.token = "pat-na1-unknown"
    status, body = await client.ask("GET", "/crm/v3/objects/contacts")
    assert (status, body["category"], body["status"]) == (401, "INVALID_AUTHENTICATION", "error")
    assert body["correlationId"]
    keys = client.simulator.credentials()
    office = client.simulator.office
    asked = {"client_id": keys["client_id"], "redirect_uri": "x", "scope": "crm.objects.contacts.read"}
    code = office.authorize(asked, client.simulator.clock())["code"]
    secret = {"client_id": keys["client_id"], "client_secret": keys["client_secret"]}
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "x", **secret}
    _, granted = await client.ask("POST", "/oauth/2026-03/token", urlencode(form).encode())
    assert (granted["token_type"], granted["scopes"]) == ("bearer", ["crm.objects.contacts.read"])
    client.token = granted["access_token"]
    assert (await client.ask("GET", "/crm/v3/objects/contacts"))[0] == 200
    assert "X-HubSpot-RateLimit-Daily" not in client.door.headers
    status, body = await client.ask("POST", "/crm/v3/objects/contacts", {"properties": {"email": "a@example.com"}})
    assert (status, body["category"]) == (403, "MISSING_SCOPES")
    assert body["errors"][0]["context"] == {"requiredGranularScopes": ["crm.objects.contacts.write"]}


async def test_the_hundred_and_first_call_in_ten_seconds_is_refused(client: Client) -> None:
    for _ in range(100):
        status, _ = await client.ask("GET", "/crm/v3/objects/contacts/1")
        assert status == 404
    assert client.door.headers["X-HubSpot-RateLimit-Remaining"] == "0"
    status, body = await client.ask("GET", "/crm/v3/objects/contacts/1")
    assert (status, body["policyName"], body["errorType"]) == (429, "TEN_SECONDLY_ROLLING", "RATE_LIMIT")
    assert body["message"] == "You have reached your ten_secondly_rolling limit."
    assert (await client.ask("POST", "/crm/v3/objects/contacts/search", {}))[0] == 200
    client.simulator.clock.advance(10)  # type: ignore[attr-defined]
    assert (await client.ask("GET", "/crm/v3/objects/contacts/1"))[0] == 404
    assert client.simulator.stats()["throttles"] == 1


async def test_search_has_five_a_second_and_no_limit_headers(client: Client) -> None:
    for _ in range(5):
        assert (await client.ask("POST", "/crm/v3/objects/contacts/search", {}))[0] == 200
    assert "X-HubSpot-RateLimit-Remaining" not in client.door.headers
    status, body = await client.ask("POST", "/crm/v3/objects/deals/search", {})
    assert (status, body["message"]) == (429, "You have reached your secondly limit.")
    client.simulator.clock.advance(1)  # type: ignore[attr-defined]
    assert (await client.ask("POST", "/crm/v3/objects/deals/search", {}))[0] == 200


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ({"propertyName": "amount", "operator": "GTE", "value": "20"}, ["b", "c"]),
        ({"propertyName": "amount", "operator": "LT", "value": "20"}, ["a"]),
        ({"propertyName": "amount", "operator": "BETWEEN", "value": "9", "highValue": "20"}, ["a", "b"]),
        ({"propertyName": "dealname", "operator": "IN", "values": ["a", "c"]}, ["a", "c"]),
        ({"propertyName": "dealname", "operator": "NOT_IN", "values": ["a"]}, ["b", "c", "d"]),
        ({"propertyName": "amount", "operator": "NOT_HAS_PROPERTY"}, ["d"]),
        ({"propertyName": "amount", "operator": "NEQ", "value": "10.0"}, ["b", "c"]),
        ({"propertyName": "description", "operator": "CONTAINS_TOKEN", "value": "big"}, ["b"]),
        ({"propertyName": "closedate", "operator": "GT", "value": "1767225600000"}, ["c"]),
    ],
)
async def test_search_operators(client: Client, condition: dict[str, Any], names: list[str]) -> None:
    deals = [
        {"dealname": "a", "amount": "10.00", "closedate": "2025-12-31T00:00:00Z"},
        {"dealname": "b", "amount": "20", "description": "a big one"},
        {"dealname": "c", "amount": "100", "closedate": "2026-02-01"},
        {"dealname": "d"},
    ]
    client.simulator.seed({"deals": deals})
    client.simulator.clock.advance(60)  # type: ignore[attr-defined]
    asked = {"filterGroups": [{"filters": [condition]}], "sorts": [{"propertyName": "dealname"}]}
    status, found = await client.ask("POST", "/crm/v3/objects/deals/search", asked)
    assert status == 200
    assert [one["properties"]["dealname"] for one in found["results"]] == names


async def test_search_pages_by_offset_and_ends_at_ten_thousand(client: Client) -> None:
    client.simulator.seed({"deals": [{"dealname": f"{number:03d}"} for number in range(250)]})
    client.simulator.clock.advance(60)  # type: ignore[attr-defined]
    asked = {"limit": 200, "sorts": ["-dealname"]}
    _, first = await client.ask("POST", "/crm/v3/objects/deals/search", asked)
    assert (first["total"], first["paging"]["next"]["after"]) == (250, "200")
    _, rest = await client.ask("POST", "/crm/v3/objects/deals/search", {**asked, "after": "200"})
    names = [one["properties"]["dealname"] for page in (first, rest) for one in page["results"]]
    assert names == [f"{number:03d}" for number in reversed(range(250))]
    status, body = await client.ask("POST", "/crm/v3/objects/deals/search", {"after": "9999", "limit": 10})
    assert (status, body["category"]) == (400, "VALIDATION_ERROR")


class Receiver:
    def __init__(self) -> None:
        self.got: list[tuple[Any, bytes]] = []
        self.answers: list[int] = []
        self.url = ""

    async def __call__(self, request: web.Request) -> web.Response:
        self.got.append((request.headers.copy(), await request.read()))
        return web.Response(status=self.answers.pop(0) if self.answers else 204)

    def events(self) -> list[dict[str, Any]]:
        return [event for _, body in self.got for event in json.loads(body)]


@pytest.fixture
async def receiver(client: Client) -> AsyncIterator[Receiver]:
    got = Receiver()
    app = web.Application()
    app.router.add_post("/hooks/hubspot", got)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    got.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/hubspot?hub=1"
    assert client.simulator.webhooks is not None
    client.simulator.webhooks.target = Target(got.url)
    yield got
    await client.simulator.close()
    await runner.cleanup()


async def drained(client: Client) -> None:
    assert client.simulator.webhooks is not None
    await client.simulator.webhooks.drain()


async def test_webhooks_tell_changes_and_who_made_them(client: Client, receiver: Receiver) -> None:
    _, made = await client.ask("POST", "/crm/v3/objects/contacts", {"properties": {"email": "zoe@example.com"}})
    same = {"properties": {"email": "zoe@example.com", "phone": "1", "city": "Paris"}}
    await client.ask("PATCH", f"/crm/v3/objects/contacts/{made['id']}", same)
    change = {"kind": "contacts", "id": made["id"], "properties": {"phone": "2"}}
    assert client.simulator.notify(change) == 1
    await client.ask("DELETE", f"/crm/v3/objects/contacts/{made['id']}")
    await drained(client)
    events = receiver.events()
    told = {(one["subscriptionType"], one.get("propertyName"), one["changeSource"]) for one in events}
    assert told == {
        ("contact.creation", None, "INTEGRATION"),
        ("contact.propertyChange", "phone", "INTEGRATION"),
        ("contact.propertyChange", "city", "INTEGRATION"),
        ("contact.propertyChange", "phone", "CRM_UI"),
        ("contact.deletion", None, "INTEGRATION"),
    }
    assert {one["objectId"] for one in events} == {int(made["id"])}
    assert {one["portalId"] for one in events} == {int(client.simulator.credentials()["portal_id"])}


async def test_an_association_is_told_in_both_directions(client: Client, receiver: Receiver) -> None:
    made = client.simulator.seed({"contacts": [{"email": "zoe@example.com"}], "deals": [{"dealname": "Order"}]})
    path = f"/crm/v4/objects/deals/{made['deals'][0]}/associations/default/contacts/{made['contacts'][0]}"
    await client.ask("PUT", path)
    await client.ask("PUT", path)
    await drained(client)
    assert sorted(one["associationType"] for one in receiver.events()) == ["CONTACT_TO_DEAL", "DEAL_TO_CONTACT"]


async def test_the_library_accepts_the_signature_of_a_batch(client: Client, receiver: Receiver) -> None:
    inputs = [{"properties": {"email": f"c{number}@example.com"}} for number in range(100)]
    inputs[0]["properties"]["firstname"] = "Zoë"
    await client.ask("POST", "/crm/v3/objects/contacts/batch/create", {"inputs": inputs})
    await client.ask("POST", "/crm/v3/objects/contacts", {"properties": {"email": "one@example.com"}})
    await drained(client)
    assert sorted(len(json.loads(body)) for _, body in receiver.got) == [1, 100]
    secret = client.simulator.credentials()["client_secret"]
    for headers, body in receiver.got:
        timestamp = headers["X-HubSpot-Request-Timestamp"]
        expected = Signature.get_signature(secret, body.decode(), "v3", receiver.url, "POST", timestamp)
        assert headers["X-HubSpot-Signature-v3"] == expected


def test_some_escapes_of_the_address_are_decoded_before_it_is_signed() -> None:
    plain, escaped = "https://hub/x?to=a@b:c/d e%20f", "https://hub/x?to=a%40b%3Ac%2fd e%20f"
    assert signature("s", escaped, b"[]", 1) == signature("s", plain, b"[]", 1)


async def test_a_retry_counts_its_attempts_in_the_body(client: Client, receiver: Receiver) -> None:
    receiver.answers = [500, 404, 204]
    await client.ask("POST", "/crm/v3/objects/contacts", {"properties": {"email": "zoe@example.com"}})
    await drained(client)
    events = receiver.events()
    assert [one.pop("attemptNumber") for one in events] == [0, 1, 2]
    assert events[0] == events[1] == events[2]


async def test_a_merge_also_tells_of_the_deletions(client: Client, receiver: Receiver) -> None:
    ids = client.simulator.seed({"contacts": [{"email": "a@example.com"}, {"email": "b@example.com"}]})["contacts"]
    body = {"primaryObjectId": ids[0], "objectIdToMerge": ids[1]}
    _, merged = await client.ask("POST", "/crm/v3/objects/contacts/merge", body)
    await drained(client)
    events = {one["subscriptionType"] for one in receiver.events()}
    assert events == {"contact.merge", "contact.deletion"}
    (merge,) = [one for one in receiver.events() if one["subscriptionType"] == "contact.merge"]
    assert (merge["mergedObjectIds"], merge["newObjectId"]) == ([int(ids[1])], int(merged["id"]))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"properties": {"email": "a@example.com"}, "colour": 1}, 400),
        ({"properties": {"firstname": ["a"]}}, 400),
        ({}, 400),
        ([], 400),
        ({"properties": {"firstname": 12.5, "phone": 1, "city": None}}, 201),
    ],
)
async def test_a_body_is_read_strictly(client: Client, body: Any, status: int) -> None:
    assert (await client.ask("POST", "/crm/v3/objects/contacts", body))[0] == status
