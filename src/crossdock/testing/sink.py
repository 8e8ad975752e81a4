"""A REST API that remembers idempotency keys, served from a thread: what arrived, and how often it took effect."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from crossdock.core import json

KEY = b"idempotency-key:"
LENGTH = b"content-length:"


@dataclass
class Sink:
    url: str = ""
    requests: Counter[str] = field(default_factory=Counter)
    """idempotency key → how often it came"""
    effects: list[Any] = field(default_factory=list)
    """the bodies that took effect: the first of each key"""
    delay_s: float = 0.0
    """how long an answer takes"""
    status: int = 200
    """anything else: refused, and nothing takes effect"""
    cut: bool = False
    """what is asked takes effect, and the connection ends without an answer"""
    records: list[Any] = field(default_factory=list)
    """what a GET finds: `{"hits": …}`"""

    _answers: dict[str, bytes] = field(default_factory=dict)

    def take(self, key: str, body: bytes) -> bytes:
        self.requests[key] += 1
        if key not in self._answers:
            self.effects.append(json.decode(body) if body else None)
            self._answers[key] = json.encode({"id": str(len(self.effects))})
        return self._answers[key]

    def answer(self, asks: bool, key: str, body: bytes) -> tuple[int, bytes]:
        if asks:
            return 200, json.encode({"hits": self.records})
        return (200, self.take(key, body)) if self.status == 200 else (self.status, b'{"error": "no"}')

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while not await self._one(reader, writer):
                pass

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection is to be cut."""
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(_value(head, LENGTH) or 0))
        asks = head.startswith(b"GET")
        status, answer = self.answer(asks, _value(head, KEY), body)
        await asyncio.sleep(self.delay_s)
        if self.cut and not asks:
            return True
        start = f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
        writer.write(start.encode() + answer)
        await writer.drain()
        return False


@contextlib.contextmanager
def sink(port: int = 0) -> Generator[Sink]:
    """Until the block ends. The thread touches the sink's fields; reading them from another is safe."""
    served = Sink()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sink", daemon=True)
    thread.start()
    started = asyncio.run_coroutine_threadsafe(asyncio.start_server(served.serve, "127.0.0.1", port), loop)
    server = started.result()
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # transports close in the loop's next turn


def _value(head: bytes, name: bytes) -> str:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(name):
            return line[len(name) :].strip().decode("latin-1")
    return ""
