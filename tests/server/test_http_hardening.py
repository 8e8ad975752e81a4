"""What is wrong before it is a webhook: heads, lengths, framing, and senders that take their time."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import psutil
import pytest

from crossdock.core.connector import Reply
from crossdock.core.message import message_id
from crossdock.server.hooks import MAX_BODY_BYTES, answer
from crossdock.server.protocol import HEAD_DEADLINE_S, LINGER_S, MAX_HEAD_BYTES, REQUEST_DEADLINE_S, GuardedProtocol
from crossdock.server.serve import Listening, is_loopback, tcp_socket
from crossdock.testing.live import HubProcess, signed, signup

from .conftest import Accepted, Raw

HEAD = b"POST /hooks/in HTTP/1.1\r\nhost: hub.example\r\n"
MIB = 1024 * 1024


# --- heads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(b"".join(b"x-%d: y\r\n" % number for number in range(50_000)), id="50,000 headers"),
        pytest.param(b"".join(b"x-%d: y\r\n" % number for number in range(101)), id="101 headers"),
        pytest.param(b"x-long: " + b"a" * 64 * 1024 + b"\r\n", id="a header of 64 KiB"),
        pytest.param(b"x-endless: " + b"a" * 4 * MIB, id="a header without an end"),
        pytest.param(b"a" * 4 * MIB, id="a name without an end"),
    ],
)
def test_too_large_a_head_is_refused_and_the_connection_closed(raw: Raw, flood: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
        raw.send(HEAD + flood + b"\r\n")
    try:
        assert raw.status() in {0, 431}
    except ConnectionResetError:
        return
    assert raw.is_closed()


def test_a_head_just_within_the_bounds_is_read(raw: Raw) -> None:
    raw.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * (MAX_HEAD_BYTES - 1000) + b"\r\n\r\n")
    assert raw.status() == 200


def test_a_url_without_an_end_is_refused(raw: Raw) -> None:
    try:
        raw.send(b"GET /" + b"a" * MIB)
        assert raw.status() in {0, 431}
    except (BrokenPipeError, ConnectionResetError):
        return


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n\r\nnonsense\r\n\r\n",
        b"POST /hooks/in HTTP/9.9\r\n\r\n",
        b"POST /hooks/in HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /hooks/in HTTP/1.1\r\nhost: x\r\ncontent-length: 5x\r\n\r\nhello",
        b"POST /hooks/in HTTP/1.1\r\nhost: x\r\ncontent-length: " + b"9" * 400 + b"\r\n\r\n",
        b"POST /hooks/in HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST /hooks/in HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /hooks/in HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST /hooks/in HTTP/1.1\r\nhost: x\r\nbad name: y\r\n\r\n",
        b"POST /hooks/in HTTP/1.1\r\nhost: x\r\nx: a\x00b\r\n\r\n",
        b"POST /hooks/\xff HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_and_the_connection_closed(
    raw: Raw, accepted: Accepted, request_bytes: bytes
) -> None:
    raw.send(request_bytes)
    assert raw.status() == 400
    assert raw.is_closed()
    assert accepted.new() == []


def test_a_trailer_is_no_header(raw: Raw, accepted: Accepted, number: int) -> None:
    body = signup(number)
    chunks = b"%x\r\n%s\r\n0\r\nx-signature: %s\r\n\r\n" % (len(body), body, signed(body)["x-signature"].encode())
    raw.send(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunks)
    assert raw.status() == 401
    assert accepted.new() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/hooks/nothing", 404),
        ("POST", "/hooks/out", 404),
        ("POST", "/hooks/in/", 404),
        ("POST", "/hooks/%2e%2e/metrics", 404),
        ("POST", "/hooks/../metrics", 404),
        ("POST", "/", 404),
        ("DELETE", "/hooks/in", 405),
        ("PATCH", "/hooks/in", 405),
        ("GET", "/hooks/in", 405),
        ("POST", "/metrics", 405),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("HEAD", "/healthz", 200),
    ],
)
def test_each_path_and_method_has_its_answer(raw: Raw, method: str, path: str, status: int) -> None:
    raw.send(f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
    assert raw.status() == status


# --- bodies -------------------------------------------------------------------------------------------------------


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(raw: Raw, accepted: Accepted) -> None:
    raw.send(HEAD + b"expect: 100-continue\r\ncontent-length: 104857600\r\n\r\n")
    assert raw.status() == 413
    assert accepted.new() == []


def test_100_mb_in_chunks_are_refused_at_10_mb_in_flat_memory(hub: HubProcess, raw: Raw, accepted: Accepted) -> None:
    process = psutil.Process(hub.process.pid)
    before = process.memory_info().rss
    raw.send(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    chunk = b"%x\r\n%s\r\n" % (MIB, b"a" * MIB)
    most = before
    for _ in range(100):
        raw.send(chunk)
        most = max(most, process.memory_info().rss)
    raw.send(b"0\r\n\r\n")
    assert raw.status() == 413
    assert most - before < 4 * MAX_BODY_BYTES
    assert accepted.new() == []


def test_a_body_just_within_the_bound_is_taken(hub: HubProcess, accepted: Accepted, number: int) -> None:
    body = signup(number, padding="a" * (MAX_BODY_BYTES - 400))
    assert hub.post(body) == 200
    assert len(accepted.new()) == 1


def test_a_body_shorter_than_announced_leaves_nothing(
    hub: HubProcess, raw: Raw, accepted: Accepted, number: int
) -> None:
    body = signup(number)
    signature = signed(body)["x-signature"].encode()
    raw.send(HEAD + b"x-signature: %s\r\ncontent-length: %d\r\n\r\n%s" % (signature, len(body) + 1, body))
    raw.socket.shutdown(socket.SHUT_WR)
    assert raw.status() in {0, 400}
    assert raw.is_closed()
    assert hub.post(signup(f"after-{number}")) == 200  # by now the other would be there too
    assert [message.id for message in accepted.new()] == [message_id("in", f"evt-after-{number}")]


def test_a_packed_body_is_refused(raw: Raw) -> None:
    raw.send(HEAD + b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc")
    assert raw.status() == 415


def test_requests_in_one_packet_are_answered_one_by_one(raw: Raw, number: int) -> None:
    body = signup(number)
    signature = signed(body)["x-signature"].encode()
    one = HEAD + b"x-signature: %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        signature,
        len(body),
        body,
    )
    raw.send(one * 3)
    received = b""
    while received.count(b"HTTP/1.1 200") < 3:
        piece = raw.socket.recv(65536)
        assert piece
        received += piece


# --- slow senders -------------------------------------------------------------------------------------------------


def test_a_thousand_slow_senders_keep_nobody_out(hub: HubProcess, number: int) -> None:
    slow = [Raw(hub.port) for _ in range(1000)]
    try:
        for connection in slow[:500]:
            connection.send(b"P")
        for connection in slow[500:]:
            connection.send(HEAD + b"content-length: 1000\r\n\r\n{")
        assert [hub.post(signup(f"{number}-{one}")) for one in range(20)] == [200] * 20
    finally:
        for connection in slow:
            connection.socket.close()


@pytest.fixture
async def served() -> AsyncIterator[Callable[[], Any]]:
    """An app that reads the whole body, in this process, so that time can be said to have passed."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/refused":
            await answer(send, Reply(413, b"too large"))
            return
        while (await receive()).get("more_body"):
            pass
        await answer(send, Reply(200, b"read"))

    listening = Listening(app, tcp_socket("127.0.0.1", 0), 1.0)
    await listening.start()
    yield lambda: (listening.port, lambda after_s: sweep(listening, after_s))
    await listening.stop()


def sweep(listening: Listening, after_s: float) -> None:
    now = asyncio.get_running_loop().time() + after_s
    for connection in list(listening._server.server_state.connections):
        assert isinstance(connection, GuardedProtocol)
        connection.sweep(now)


async def told(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(5):
        return await reader.read()


@pytest.mark.parametrize(
    ("sent", "after_s", "said"),
    [
        (b"", HEAD_DEADLINE_S + 1, b""),
        (b"PO", HEAD_DEADLINE_S + 1, b"HTTP/1.1 408"),
        (b"POST / HTTP/1.1\r\nhost: x\r\nx-a: ", HEAD_DEADLINE_S + 1, b"HTTP/1.1 408"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n", REQUEST_DEADLINE_S + 1, b"HTTP/1.1 408"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc", REQUEST_DEADLINE_S + 1, b"HTTP/1.1 408"),
    ],
)
async def test_an_overdue_request_ends(served: Callable[[], Any], sent: bytes, after_s: float, said: bytes) -> None:
    port, swept = served()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    await asyncio.sleep(0.05)
    swept(after_s - 2)
    assert not reader.at_eof()
    swept(after_s)
    assert (await told(reader)).startswith(said)
    writer.close()


async def test_what_is_still_sent_after_its_answer_is_dropped_for_a_while_only(served: Callable[[], Any]) -> None:
    port, swept = served()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /refused HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc")
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413")
    writer.write(b"def")
    await writer.drain()
    swept(LINGER_S + 1)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
    writer.close()


async def test_a_connection_that_waits_for_its_next_request_is_not_overdue(served: Callable[[], Any]) -> None:
    port, swept = served()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
        assert b"200" in await reader.readuntil(b"read")
        swept(REQUEST_DEADLINE_S + 1)
    writer.close()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("hub.example", False),
    ],
)
def test_who_can_reach_an_address(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
