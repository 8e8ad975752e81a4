"""A load generator and a sink of a few microseconds a request, so that the bench measures the hub and not itself."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import cast

SIGNED_WITH = "bench-secret"
LINES = [{"sku": f"MUG-{number}", "title": "Mug", "quantity": 2, "price": "19.90"} for number in range(8)]
CUSTOMER = {"id": 77, "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"}


def order(number: int, sent_at: float) -> bytes:
    """An order of about 1 kB as a shop would send it."""
    said = {
        "id": number,
        "number": f"#{number}",
        "sent_at": f"{sent_at:.6f}",
        "currency": "CAD",
        "total": "159.20",
        "customer": CUSTOMER,
        "lines": LINES,
        "note": "left at the door " * 10,
    }
    return json.dumps(said, separators=(",", ":")).encode()


def signed_post(path: str, body: bytes) -> bytes:
    """A whole HTTP/1.1 request."""
    mac = hmac.new(SIGNED_WITH.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nx-signature: {mac}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


class Sender(asyncio.Protocol):
    """One kept connection: a request after the other. `answered(status, seconds)` is called for each."""

    def __init__(self, next_request: Callable[[], bytes | None], answered: Callable[[int, float], None]) -> None:
        self._next = next_request
        self._answered = answered
        self._buffer = b""
        self._sent_at = 0.0
        self.idle = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.send()

    def send(self) -> None:
        """The next request, if there is one now."""
        request = self._next()
        self.idle = request is None
        if request is not None:
            self._sent_at = time.perf_counter()
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        size = end + 4 + length(self._buffer[:end])
        if len(self._buffer) < size:
            return
        status = int(self._buffer[9:12])
        self._buffer = self._buffer[size:]
        self._answered(status, time.perf_counter() - self._sent_at)
        self.send()

    def close(self) -> None:
        self._transport.close()


class Sink(asyncio.Protocol):
    """Answers every request with 200 and an id; `took(body)` is called for each."""

    made = 0

    def __init__(self, took: Callable[[bytes], None]) -> None:
        self._took = took
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def arrived(self, head: bytes, body: bytes) -> None:
        self._took(body)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            size = end + 4 + length(self._buffer[:end])
            if len(self._buffer) < size:
                return
            head, body, self._buffer = self._buffer[:end], self._buffer[end + 4 : size], self._buffer[size:]
            self.arrived(head, body)
            Sink.made += 1
            said = b'{"id":"%d"}' % Sink.made
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(said), said)
            )


def bare(port: int, *arguments: str) -> subprocess.Popen[bytes]:
    """`_bare.py`, which listens soon."""
    return subprocess.Popen([sys.executable, str(Path(__file__).with_name("_bare.py")), str(port), *arguments])


async def listening(port: int) -> None:
    for _ in range(400):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.025)
        else:
            writer.close()
            return
    sys.exit("the bare server did not start")


def must_be_200(status: int) -> None:
    """Ends the whole bench: an exception in a protocol's callback would only end its connection."""
    if status != 200:
        print(f"the endpoint answered {status}", file=sys.stderr, flush=True)
        os._exit(1)


async def open_senders(
    port: int, amount: int, next_request: Callable[[], bytes | None], answered: Callable[[int, float], None]
) -> list[Sender]:
    loop = asyncio.get_running_loop()
    senders: list[Sender] = []
    for _ in range(amount):
        _, sender = await loop.create_connection(lambda: Sender(next_request, answered), "127.0.0.1", port)
        senders.append(sender)
    return senders


async def open_sink(took: Callable[[bytes], None]) -> tuple[asyncio.Server, int]:
    """The server and its port."""
    return await open_sink_of(lambda: Sink(took))


async def open_sink_of(made: Callable[[], Sink]) -> tuple[asyncio.Server, int]:
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def percentile(values: list[float] | deque[float], share: float) -> float:
    """0 when there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
