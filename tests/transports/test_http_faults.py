"""What is known, and what is not, when the other side or the line misbehaves: `sent` decides whether a request may be
sent again without asking."""

import asyncio
import contextlib
import gzip
import os
import socket
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from crossdock.core.errors import TransportError
from crossdock.core.transport import STRAY_S
from crossdock.core.wire import Http, Response
from crossdock.transports import http
from crossdock.transports.egress import EgressGuard
from crossdock.transports.http import HttpTransport

LOOPBACK = EgressGuard(["127.0.0.0/8"])
DEADLINE_S = 0.3
"""For what would never end; the deadline is the thing tested."""


async def ask(
    port: int, deadline_s: float = 5.0, scheme: str = "http", body: bytes = b"x", **settings: Any
) -> Response:
    http = HttpTransport(guard=LOOPBACK, **settings)
    try:
        return await http.exchange(Http("POST", f"{scheme}://127.0.0.1:{port}/", (), body), deadline_s)
    finally:
        await http.close()


async def fails(port: int, deadline_s: float = 5.0, **settings: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await ask(port, deadline_s, **settings)
    assert caught.value.what
    return caught.value


async def arrived(server: Any, count: int) -> None:
    while len(server.requests) < count:  # noqa: ASYNC110 - the server counts, it does not tell
        await asyncio.sleep(0.005)


# --- how long it may still arrive -------------------------------------------------------------------------------------


def give_up_ms(port: int) -> set[int]:
    """For how long this process's connections to the port wait until the other side has acknowledged a byte."""
    found: set[int] = set()
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if handle.is_socket():
                with socket.socket(fileno=os.dup(int(handle.name))) as one:
                    if one.family == socket.AF_INET and one.getpeername()[1] == port:
                        found.add(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
    return found


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux lets a connection say so")
async def test_what_a_cut_network_holds_up_is_given_up(raw_server: Any) -> None:
    """A successor waits so long for it."""
    found: set[int] = set()

    async def look(line: Any) -> None:
        await line.request()
        found.update(give_up_ms(server.port))
        await line.answer(b"{}")

    async with raw_server(look) as server:
        await ask(server.port)
    assert found == {int(STRAY_S * 1000)}


async def test_a_process_that_stood_still_sends_nothing_of_what_it_had_prepared(
    raw_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client would count its deadline from then on, and a successor does not wait for that."""
    prepare = http._prepared

    def stopped(*arguments: Any) -> Any:
        prepared = prepare(*arguments)
        time.sleep(0.02)
        return prepared

    async def answer(line: Any) -> None:
        await line.request()
        await line.answer(b"{}")

    monkeypatch.setattr(http, "_prepared", stopped)
    async with raw_server(answer) as server:
        await ask(server.port)
        monkeypatch.setattr(http, "STOOD_STILL_S", 0.01)
        error = await fails(server.port)
        assert len(server.requests) == 1
    assert error.sent is False
    assert "stood still" in error.what


# --- certainly not sent -----------------------------------------------------------------------------------------------


async def test_a_refused_connection_is_not_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        error = await fails(taken.getsockname()[1])
    assert error.sent is False
    assert "refused" in error.what


async def test_a_connection_that_is_never_answered_is_not_sent() -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # the queue of the listener is full: what comes now is dropped, as by a firewall
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(full.getsockname())
        error = await fails(full.getsockname()[1], connect_timeout_s=DEADLINE_S)
    assert error.sent is False


async def test_waiting_in_vain_for_a_free_connection_is_not_sent(raw_server: Any) -> None:
    async def silent(line: Any) -> None:
        await line.request()
        await line.wait_for_end()

    async with raw_server(silent) as server:
        http = HttpTransport(guard=LOOPBACK, connections_per_host=1)
        request = Http("POST", f"http://127.0.0.1:{server.port}/", (), b"x")
        first = asyncio.ensure_future(http.exchange(request, 10 * DEADLINE_S))
        await arrived(server, 1)
        with pytest.raises(TransportError) as caught:
            await http.exchange(request, DEADLINE_S)
        assert caught.value.sent is False
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await http.close()
    assert len(server.requests) == 1


async def test_tls_that_is_no_tls_is_not_sent(raw_server: Any) -> None:
    async def plain(line: Any) -> None:
        await line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await line.wait_for_end()

    async with raw_server(plain) as server:
        error = await fails(server.port, scheme="https")
    assert error.sent is False
    assert server.requests == []


async def test_tls_that_is_cut_is_not_sent(raw_server: Any) -> None:
    async def cut(line: Any) -> None:
        line.reset()

    async with raw_server(cut) as server:
        error = await fails(server.port, scheme="https")
    assert error.sent is False


async def test_tls_that_stalls_is_not_sent(raw_server: Any) -> None:
    async def stall(line: Any) -> None:
        await line.wait_for_end()

    async with raw_server(stall) as server:
        error = await fails(server.port, scheme="https", connect_timeout_s=DEADLINE_S)
    assert error.sent is False


# --- may have been done -----------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"HTTP/1.1 2",
        HEAD,
        HEAD + b"content-length: 100\r\n\r\n",
        HEAD + b'content-length: 100\r\n\r\n{"half": tr',
        HEAD + b"transfer-encoding: chunked\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nff\r\nhello",
    ],
)
@pytest.mark.parametrize("how", ["reset", "close", "silence"])
async def test_an_answer_that_stops_after_the_request_is_unknown(raw_server: Any, before: bytes, how: str) -> None:
    async def stop(line: Any) -> None:
        await line.request()
        await line.send(before)
        if how == "reset":
            line.reset()
        elif how == "silence":
            await line.wait_for_end()

    async with raw_server(stop) as server:
        error = await fails(server.port, DEADLINE_S if how == "silence" else 5.0)
    assert error.sent is True
    assert len(server.requests) == 1, "a request is sent once, whatever happens"


async def test_a_line_that_is_cut_while_the_request_is_read_is_unknown(raw_server: Any) -> None:
    async def cut(line: Any) -> None:
        await line.read(1)
        line.reset()

    async with raw_server(cut) as server:
        error = await fails(server.port, body=b"x" * 5_000_000)
    assert error.sent is True


async def test_a_server_that_stops_reading_is_unknown_at_the_deadline(raw_server: Any) -> None:
    async def deaf(line: Any) -> None:
        await asyncio.sleep(60)

    async with raw_server(deaf) as server:
        error = await fails(server.port, DEADLINE_S, body=b"x" * 20_000_000)
    assert error.sent is True


async def test_a_kept_connection_that_dies_under_a_request_is_unknown_and_not_sent_anew(raw_server: Any) -> None:
    async def once(line: Any) -> None:
        await line.request()
        await line.answer(b"ok")
        await line.request()
        line.reset()

    async with raw_server(once) as server:
        http = HttpTransport(guard=LOOPBACK)
        request = Http("POST", f"http://127.0.0.1:{server.port}/", (), b"x")
        assert (await http.exchange(request, 5)).body == b"ok"
        with pytest.raises(TransportError) as caught:
            await http.exchange(request, 5)
        await http.close()
    assert caught.value.sent is True
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
        b"220 mail.example ESMTP\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        HEAD + b"content-length: -1\r\n\r\n",
        HEAD + b"content-length: 99999999999999999999999\r\n\r\n",
        HEAD + b"content-length: 2\r\ncontent-length: 5\r\n\r\nokxxx",
        HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        HEAD + b"content encoding: gzip\r\n\r\n",
        HEAD + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope",
        HEAD + b"content-encoding: br\r\ncontent-length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 10_000_000 + b"\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n" + b"x: a\r\n" * 50_000 + b"content-length: 2\r\n\r\nok",
    ],
    ids=lambda data: repr(data[:60]),
)
async def test_garbage_is_unknown(raw_server: Any, garbage: bytes) -> None:
    async def babble(line: Any) -> None:
        await line.request()
        await line.send(garbage)
        await line.wait_for_end()

    async with raw_server(babble) as server:
        error = await fails(server.port)
    assert error.sent is True
    assert len(server.requests) == 1


async def test_a_slow_drip_ends_at_the_deadline_however_steadily_it_drips(raw_server: Any) -> None:
    async def drip(line: Any) -> None:
        await line.request()
        await line.send(HEAD + b"content-length: 1000000\r\n\r\n")
        while True:
            await line.send(b"x")
            await asyncio.sleep(0.01)

    async with raw_server(drip) as server:
        error = await fails(server.port, DEADLINE_S)
    assert error.sent is True
    assert "no whole answer within" in error.what


async def test_a_flood_of_interim_answers_ends_at_the_deadline(raw_server: Any) -> None:
    async def flood(line: Any) -> None:
        await line.request()
        while True:
            await line.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 100)

    async with raw_server(flood) as server:
        error = await fails(server.port, DEADLINE_S)
    assert error.sent is True


# --- too much ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lie", [b"", b"content-length: 2\r\n"])
async def test_an_endless_answer_is_cut_at_the_cap(raw_server: Any, lie: bytes) -> None:
    sent_bytes = 0

    async def endless(line: Any) -> None:
        nonlocal sent_bytes
        await line.request()
        await line.send(HEAD + lie + b"transfer-encoding: chunked\r\n\r\n")
        while True:
            await line.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent_bytes += 65536

    async with raw_server(endless) as server:
        error = await fails(server.port, max_body_bytes=1_000_000)
    assert error.sent is True
    assert "larger than 1000000 bytes" in error.what
    assert sent_bytes < 50_000_000


async def test_an_answer_that_announces_too_much_is_cut_at_the_cap(raw_server: Any) -> None:
    async def long(line: Any) -> None:
        await line.request()
        await line.send(HEAD + b"content-length: 100000000\r\n\r\n")
        for _ in range(100_000_000 // 65536):
            await line.send(b"x" * 65536)

    async with raw_server(long) as server:
        error = await fails(server.port, max_body_bytes=1_000_000)
    assert error.sent is True
    assert "larger than" in error.what


async def test_an_answer_of_exactly_the_cap_is_whole(raw_server: Any) -> None:
    async def exact(line: Any) -> None:
        await line.request()
        await line.send(HEAD + b"transfer-encoding: chunked\r\n\r\n3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n")

    async with raw_server(exact) as server:
        assert len((await ask(server.port, max_body_bytes=1000)).body) == 1000
        assert "larger than" in (await fails(server.port, max_body_bytes=999)).what


def bomb(decoded_bytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    block = b"\0" * 1_000_000
    return b"".join(packer.compress(block) for _ in range(decoded_bytes // len(block))) + packer.flush()


@pytest.mark.parametrize("cap", [10_000_000, 500_000_000], ids=["over the cap", "over the ratio"])
async def test_a_gzip_bomb_does_not_go_off(raw_server: Any, cap: int) -> None:
    packed = bomb(100_000_000)
    assert len(packed) < 100_000

    async def send_bomb(line: Any) -> None:
        await line.request()
        await line.answer(packed, "200 OK", "content-encoding: gzip")

    async with raw_server(send_bomb) as server:
        error = await fails(server.port, max_body_bytes=cap)
    assert error.sent is True
    assert "packed too tightly" in error.what


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data + b"more", lambda data: data + data])
async def test_gzip_that_is_cut_or_goes_on_is_not_half_believed(raw_server: Any, damage: Any) -> None:
    async def damaged(line: Any) -> None:
        await line.request()
        await line.answer(damage(gzip.compress(b'{"a": 1}')), "200 OK", "content-encoding: gzip")

    async with raw_server(damaged) as server:
        assert (await fails(server.port)).sent is True


# --- answers all the same ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (HEAD + b"content-length: 1\r\n\r\nokok", 200, b"o"),
        (HEAD + b'content-length: 5\r\n\r\n{"a":', 200, b'{"a":'),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"content-length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.1 500 \xe9\r\ncontent-length: 2\r\nx: \xe9\r\n\r\nno", 500, b"no"),
        (HEAD + b"content-encoding: gzip\r\ncontent-length: 0\r\n\r\n", 200, b""),
    ],
    ids=lambda value: repr(value)[:60],
)
async def test_a_strange_answer_is_still_an_answer(raw_server: Any, raw: bytes, status: int, body: bytes) -> None:
    async def play(line: Any) -> None:
        await line.request()
        await line.send(raw)

    async with raw_server(play) as server:
        answer = await ask(server.port)
    assert (answer.status, answer.body) == (status, body)


async def test_an_early_refusal_of_a_big_body_is_an_answer(raw_server: Any) -> None:
    async def refuse(line: Any) -> None:
        await line.answer(b"too big", "413 Content Too Large", "connection: close")
        await line.wait_for_end()

    async with raw_server(refuse) as server:
        answer = await ask(server.port, body=b"x" * 5_000_000)
    assert answer.status == 413


async def test_one_silent_place_does_not_hold_up_another(raw_server: Any) -> None:
    async def silent(line: Any) -> None:
        await line.request()
        await line.wait_for_end()

    async def ok(line: Any) -> None:
        while True:
            await line.request()
            await line.answer(b"ok")

    async with raw_server(silent) as black_hole, raw_server(ok) as well:
        http = HttpTransport(guard=LOOPBACK, connections_per_host=4)
        stuck = [
            asyncio.ensure_future(http.exchange(Http("GET", f"http://127.0.0.1:{black_hole.port}/"), 60))
            for _ in range(4)
        ]
        await arrived(black_hole, 4)
        assert (await http.exchange(Http("GET", f"http://127.0.0.1:{well.port}/"), 5)).body == b"ok"
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
        await http.close()


async def test_what_is_cancelled_while_it_waits_for_a_connection_is_never_sent(raw_server: Any) -> None:
    freed = asyncio.Event()

    async def slow(line: Any) -> None:
        while True:
            await line.request()
            await freed.wait()
            await line.answer(b"ok")

    async with raw_server(slow) as server:
        http = HttpTransport(guard=LOOPBACK, connections_per_host=1)
        first = asyncio.ensure_future(http.exchange(Http("POST", f"http://127.0.0.1:{server.port}/1", (), b"x"), 5))
        await arrived(server, 1)
        second = asyncio.ensure_future(http.exchange(Http("POST", f"http://127.0.0.1:{server.port}/2", (), b"x"), 5))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        freed.set()
        assert (await first).body == b"ok"
        third = await http.exchange(Http("POST", f"http://127.0.0.1:{server.port}/3", (), b"x"), 5)
        assert third.body == b"ok"
        await http.close()
    assert [request.split()[1] for request in server.requests] == [b"/1", b"/3"]
