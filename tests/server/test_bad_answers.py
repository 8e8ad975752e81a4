"""Answers that mean no such thing as done, given to a real hub over a socket: none is taken for success, no redirect is
followed, and each delivery says why."""

import asyncio
import socketserver
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import pytest

from crossdock.core import json
from crossdock.core.delivery import Delivery
from crossdock.core.states import DeliveryState
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.live import HubProcess, blank_project, signup

JSON = "content-type: application/json"
Answer = tuple[int, str, bytes]
AT_REST = {DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.HELD}


class Platform(socketserver.ThreadingTCPServer):
    """Answers each person by their script, and well when that is through."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.scripts: dict[str, list[Answer]] = {}
        self.keys: dict[str, list[str]] = defaultdict(list)
        """e-mail address → the idempotency key of each request about it"""
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Exchange(socketserver.StreamRequestHandler):
    server: Platform

    def handle(self) -> None:
        headers: dict[str, str] = {}
        if not self.rfile.readline():
            return
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        email = json.decode(self.rfile.read(int(headers.get("content-length", 0))) or b'{"email": ""}')["email"]
        self.server.keys[email].append(headers.get("idempotency-key", ""))
        script = self.server.scripts.get(email)
        status, more, body = script.pop(0) if script else (200, JSON, json.encode({"id": email}))
        head = f"HTTP/1.1 {status} X\r\n{more}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.wfile.write(head.encode() + body)


def served() -> Iterator[Platform]:
    with Platform() as platform:
        threading.Thread(target=platform.serve_forever, daemon=True).start()
        yield platform
        platform.shutdown()


there = pytest.fixture(scope="module")(served)
elsewhere = pytest.fixture(scope="module", name="elsewhere")(served)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, there: Platform) -> Iterator[HubProcess]:
    """It tries again at once, and twice."""
    project = blank_project(tmp_path_factory.mktemp("hub") / "p", there.url)
    flow = project / "flows" / "person-to-contact.yaml"
    flow.write_text(flow.read_text() + "retry: {attempts: 3, first_delay: 100ms, max_delay: 100ms}\n")
    with HubProcess(project) as hub:
        yield hub


def settled(hub: HubProcess, number: int) -> Delivery:
    """The delivery about a person, once it is at rest."""
    ends_at = time.monotonic() + 20
    while time.monotonic() < ends_at:
        for row in asyncio.run(deliveries(hub)):
            if row.key == f"in:{number}" and row.state in AT_REST:
                return row
        time.sleep(0.02)
    raise AssertionError("not settled")


async def deliveries(hub: HubProcess) -> Sequence[Delivery]:
    store = SqliteStore.open_readonly(hub.folder / ".crossdock" / "production.db")
    try:
        return await store.deliveries(limit=10_000)
    finally:
        await store.close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((200, "content-type: text/html", b"<html>Log in</html>"), id="a login page"),
        pytest.param((200, JSON, b'{"id": '), id="half an answer"),
        pytest.param((200, JSON, b"\xff\xfe\x00"), id="no text"),
        pytest.param((200, JSON, b"NaN"), id="no JSON"),
        pytest.param((200, JSON, b"[" * 100_000), id="too deep"),
        pytest.param((502, "content-type: text/html", b"<html>Bad gateway</html>"), id="a gateway's page"),
        pytest.param((429, "retry-after: soon", b""), id="429 until soon"),
        pytest.param((429, "retry-after: Wed, 21 Oct 2015 07:28:00 GMT", b""), id="429 until long ago"),
        pytest.param((429, "retry-after: -1000000000", b""), id="429 until before"),
    ],
)
def test_what_is_no_answer_is_asked_again_under_the_same_key(
    hub: HubProcess, there: Platform, number: int, answer: Answer
) -> None:
    there.scripts[f"p{number}@example.com"] = [answer]
    assert hub.post(signup(number)) == 200
    assert settled(hub, number).state is DeliveryState.DELIVERED
    keys = there.keys[f"p{number}@example.com"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "where", ["another", "itself", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd"]
)
def test_a_redirect_is_followed_nowhere_and_named(
    hub: HubProcess, there: Platform, elsewhere: Platform, number: int, status: int, where: str
) -> None:
    place = {"another": elsewhere.url, "itself": f"{there.url}/contacts"}.get(where, where)
    there.scripts[f"p{number}@example.com"] = [(status, f"location: {place}", b"")] * 5
    assert hub.post(signup(number)) == 200
    delivery = settled(hub, number)
    assert delivery.state is DeliveryState.DEAD
    assert place in delivery.reason
    assert len(there.keys[f"p{number}@example.com"]) == 1
    assert not elsewhere.keys


def test_a_200_that_tells_of_errors_is_no_success(hub: HubProcess, there: Platform, number: int) -> None:
    there.scripts[f"p{number}@example.com"] = [(200, JSON, b'{"errors": [{"message": "no such list"}]}')] * 5
    assert hub.post(signup(number)) == 200
    assert settled(hub, number).state is DeliveryState.HELD
