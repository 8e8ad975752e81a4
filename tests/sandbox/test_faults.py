"""The framework around every simulator: faults over a real socket, the admin door, the script itself."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from crossdock.sandbox.faults import FaultKind, FaultScript, ScriptError
from crossdock.sandbox.http import Reply, Request, Route
from crossdock.sandbox.serve import Served, serve, serving
from crossdock.sandbox.simulator import Records, Simulator


class Ledger(Simulator):
    """The smallest platform: it counts what was posted."""

    name = "ledger"
    faulty = ("POST /entries",)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.entries: Records = []
        self.committed = asyncio.Event()

    def routes(self) -> list[Route]:
        return [Route("POST", "/entries", self._post), Route("GET", "/entries/{id}", self._get)]

    def credentials(self) -> dict[str, str]:
        return {"key": "k"}

    def seed(self, data: Any) -> dict[str, Any]:
        self.entries += data["entries"]
        return {"entries": len(self.entries)}

    def list(self, kind: str) -> Records:
        return {"entries": self.entries}[kind]

    def reset(self) -> None:
        super().reset()
        self.entries = []

    def _post(self, request: Request) -> Reply:
        self.entries.append(request.json())
        self.committed.set()
        return Reply.json({"id": len(self.entries), "note": "x" * 200}, 201)

    def _get(self, request: Request) -> Reply:
        return Reply.json(self.entries[int(request.params["id"]) - 1])


@pytest.fixture(scope="module")
def ledger() -> Iterator[Served]:
    with serving([Ledger()], time_scale=25) as (one,):
        yield one


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def served(ledger: Served, client: aiohttp.ClientSession) -> Served:
    """The one ledger, empty and without faults."""
    for path in ("reset", "faults"):
        async with client.post(f"{ledger.admin}/{path}", json={}) as answer:
            assert answer.status == 200
    return ledger


async def appoint(client: aiohttp.ClientSession, served: Served, kind: str, **more: Any) -> None:
    one = {"kind": kind, "match": "POST /entries", **more}
    async with client.post(f"{served.admin}/faults", json={"next": [one]}) as answer:
        assert answer.status == 200, await answer.text()


async def entries(client: aiohttp.ClientSession, served: Served) -> Any:
    async with client.get(f"{served.admin}/list/entries") as answer:
        return await answer.json()


@pytest.mark.parametrize(
    ("kind", "status", "committed"),
    [("429", 429, 0), ("503", 503, 0), ("500_before", 500, 0), ("500_after_commit", 500, 1)],
)
async def test_a_refusal_says_its_status_and_commits_only_when_named_so(
    client: aiohttp.ClientSession, served: Served, kind: str, status: int, committed: int
) -> None:
    await appoint(client, served, kind)
    async with client.post(f"{served.url}/entries", json={}) as answer:
        assert answer.status == status
    assert len(await entries(client, served)) == committed
    async with client.post(f"{served.url}/entries", json={}) as answer:
        assert answer.status == 201, "a one-shot fault must happen once"


@pytest.mark.parametrize(("kind", "committed"), [("reset_before", 0), ("reset_after_commit", 1)])
async def test_a_reset_kills_the_connection_and_gives_no_answer(
    served: Served, client: aiohttp.ClientSession, kind: str, committed: int
) -> None:
    await appoint(client, served, kind)
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /entries HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    assert len(await entries(client, served)) == committed


async def test_a_timeout_commits_and_never_answers(client: aiohttp.ClientSession, served: Served) -> None:
    await appoint(client, served, "timeout_after_commit")
    with pytest.raises(TimeoutError):
        await client.post(f"{served.url}/entries", json={}, timeout=aiohttp.ClientTimeout(total=0.2))
    assert len(await entries(client, served)) == 1


async def test_closing_lets_go_of_withheld_answers(client: aiohttp.ClientSession) -> None:
    ledger = Ledger()
    (one,) = await serve([ledger])
    await appoint(client, one, "timeout_after_commit")
    post = asyncio.ensure_future(client.post(f"{one.url}/entries", json={}))
    await ledger.committed.wait()
    await one.close()
    with pytest.raises(aiohttp.ClientError):
        await post


async def test_a_login_page_comes_with_200_and_commits_nothing(client: aiohttp.ClientSession, served: Served) -> None:
    await appoint(client, served, "html_200")
    async with client.post(f"{served.url}/entries", json={}) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert await entries(client, served) == []


async def test_truncated_json_is_a_whole_http_answer_with_half_a_body(
    client: aiohttp.ClientSession, served: Served
) -> None:
    await appoint(client, served, "truncated_json")
    async with client.post(f"{served.url}/entries", json={}) as answer:
        assert answer.status == 201
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            await answer.json()
    assert len(await entries(client, served)) == 1


async def test_a_slow_drip_arrives_whole_in_pieces(client: aiohttp.ClientSession, served: Served) -> None:
    await appoint(client, served, "slow_drip")
    async with client.post(f"{served.url}/entries", json={}) as answer:
        pieces = [piece async for piece in answer.content.iter_any()]
    assert len(pieces) > 1
    assert b"".join(pieces).endswith(b"}")


async def test_rates_fall_only_where_the_platform_says(client: aiohttp.ClientSession, served: Served) -> None:
    async with client.post(f"{served.admin}/faults", json={"rates": {"503": 1}}) as answer:
        assert (await answer.json())["only"] == ["POST /entries"]
    async with client.post(f"{served.url}/entries", json={}) as answer:
        assert answer.status == 503
    async with client.get(f"{served.url}/nothing") as answer:
        assert answer.status == 404
    async with client.get(f"{served.admin}/stats") as answer:
        assert (await answer.json())["faults"] == {"503": 1}


async def test_the_admin_door_opens_to_its_token_only(client: aiohttp.ClientSession, served: Served) -> None:
    for url in (f"{served.url}/_admin/list/entries", f"{served.url}/_admin/guess/list/entries"):
        async with client.get(url) as answer:
            assert answer.status == 404
    async with client.post(f"{served.admin}/seed", json={"entries": [{"a": 1}]}) as answer:
        assert await answer.json() == {"entries": 1}
    assert await entries(client, served) == [{"a": 1}]
    async with client.post(f"{served.admin}/reset") as answer:
        assert answer.status == 200
    assert await entries(client, served) == []


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ({"rates": {"504": 1}}, "there is no fault '504'"),
        ({"rates": {"503": 2}}, "from 0 to 1"),
        ({"rates": {"503": 0.7, "429": 0.7}}, "more than 1"),
        ({"next": [{"kind": "503", "match": "("}]}, "not a regular expression"),
        ({"next": [{"kind": "503", "when": "now"}]}, "unknown field 'when'"),
        ({"rate": {}}, "unknown field 'rate'"),
        ([], "a JSON object is needed"),
    ],
)
async def test_a_wrong_script_is_refused_with_its_field(
    client: aiohttp.ClientSession, served: Served, script: Any, says: str
) -> None:
    async with client.post(f"{served.admin}/faults", json=script) as answer:
        assert answer.status == 400
        assert says in (await answer.json())["error"]


def test_the_same_seed_gives_the_same_faults() -> None:
    def drawn(seed: int) -> list[FaultKind | None]:
        script = FaultScript(seed, {"503": 0.2, "reset_before": 0.2})
        return [script.draw("GET", "/") for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert {FaultKind.UNAVAILABLE, FaultKind.RESET_BEFORE, None} == set(drawn(1))


def test_a_script_that_cannot_be_raises() -> None:
    with pytest.raises(ScriptError):
        FaultScript(rates={"503": -0.1})


async def test_the_printed_line_holds_what_a_client_needs(served: Served) -> None:
    line = served.as_line()
    assert line == {
        "name": "ledger",
        "url": served.url,
        "credentials": {"key": "k"},
        "admin": served.admin,
    }
