"""One real hub for a module's tests, and raw sockets to be rude with."""

import asyncio
import itertools
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from crossdock.core.message import Message
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.live import HubProcess, blank_project, signup
from crossdock.testing.sink import Sink, sink

NUMBERS = itertools.count(1)

STAMPED = """
connector: http
settings:
  webhook:
    signature:
      scheme: hmac-sha256-hex
      header: X-Signature
      timestamp_header: X-Time
      signed: "{timestamp}.{body}"
maps: {webhook: signup.jq}
"""


@pytest.fixture(scope="module")
def there() -> Iterator[Sink]:
    with sink() as served:
        yield served


def with_plan_and_price(project: Path) -> None:
    """A person of these tests may have a plan, one of two, and a price."""
    model = project / "models" / "person.yaml"
    more = (
        "  plan: {enum: [free, paid], description: What they signed up for.}\n"
        "  price: {$ref: common.yaml#/$defs/money, description: What they pay.}\n"
    )
    model.write_text(model.read_text().replace("required:", f"{more}required:"))
    inbound = project / "maps" / "signup.jq"
    inbound.write_text(
        inbound.read_text()
        + """| $said.person as $person
| if $person | has("plan") then .data.plan = $person.plan else . end
| if $person | has("price") then .data.price = money($person.price; $person.currency) else . end
"""
    )
    inbound.write_text(". as $said | " + inbound.read_text())
    outbound = project / "maps" / "person-to-contact.jq"
    outbound.write_text(outbound.read_text() + " + (if .price then {price: .price.amount} else {} end)\n")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, there: Sink) -> Iterator[HubProcess]:
    project = blank_project(tmp_path_factory.mktemp("hub") / "p", there.url)
    with_plan_and_price(project)
    (project / "connections" / "stamped.yaml").write_text(STAMPED)
    with HubProcess(project) as hub:
        yield hub


@pytest.fixture
def hub(running: HubProcess) -> Iterator[HubProcess]:
    """After each test it still takes a good webhook, and has told no stack trace."""
    yield running
    assert running.post(signup(next(NUMBERS))) == 200
    assert "Traceback" not in running.log


class Raw:
    """A connection that sends what it likes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> bytes:
        """All that comes until the other side closes or the answer is whole."""
        received = b""
        while b"\r\n\r\n" not in received:
            piece = self.socket.recv(65536)
            if not piece:
                return received
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        while len(body) < length and (piece := self.socket.recv(65536)):
            body += piece
        return head + b"\r\n\r\n" + body

    def status(self) -> int:
        """0 when the connection ended without an answer."""
        first = self.answer().split(b" ", 2)
        return int(first[1]) if len(first) > 1 else 0

    def is_closed(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def messages(hub: HubProcess) -> Sequence[Message]:
    """Everything that was ever accepted, the newest first."""
    return asyncio.run(_messages(hub))


async def _messages(hub: HubProcess) -> Sequence[Message]:
    store = SqliteStore.open_readonly(hub.folder / ".crossdock" / "production.db")
    try:
        return await store.messages(limit=100_000)
    finally:
        await store.close()


async def body_of(hub: HubProcess, message: Message) -> bytes:
    store = SqliteStore.open_readonly(hub.folder / ".crossdock" / "production.db")
    try:
        return (await store.payloads([message.body]))[message.body.id]
    finally:
        await store.close()


@pytest.fixture
def accepted(hub: HubProcess) -> "Accepted":
    return Accepted(hub)


class Accepted:
    """What this test has put into the inbox."""

    def __init__(self, hub: HubProcess) -> None:
        self._hub = hub
        self._before = {message.id for message in messages(hub)}

    def new(self) -> list[Message]:
        return [message for message in messages(self._hub) if message.id not in self._before]

    def body(self) -> bytes:
        """Of the only one."""
        (message,) = self.new()
        return asyncio.run(body_of(self._hub, message))


@pytest.fixture
def raw(hub: HubProcess) -> Iterator[Raw]:
    with Raw(hub.port) as connection:
        yield connection


@pytest.fixture
def number() -> int:
    """Of a message that nobody sent yet."""
    return next(NUMBERS)
