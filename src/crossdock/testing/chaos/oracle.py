"""The judge's own destination, on a socket: plays the effect classes that plain HTTP has, with flaws, and remembers
everything that happened. What happened is remembered before it is answered."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from crossdock.core import json

LENGTH = b"content-length:"
KEY = b"idempotency-key:"
BAD = "bad"
"""In a name: refused."""
FAILED = 500, b'{"error": "internal"}'
MID_BODY_BYTES = 100_000
"""A larger body is read only so far before the hub that sends it is killed, where that is wished for."""


@dataclass
class Oracle:
    chance: random.Random
    urls: dict[str, str] = field(default_factory=dict)
    """class → its own address: an account is known by its host and port"""
    trouble: float = 0.0
    """how often an answer is spoilt although it happened"""
    busy: float = 0.0
    """how often nothing happens: 429"""
    lag_s: float = 0.0
    """a record is found only after a while, up to this long"""
    saves_failures: float = 0.0
    """how often the first answer to a key is a 500, although it happened, and every repeat is told the same"""
    failing: set[str] = field(default_factory=set)
    """what was told under such a key: a person must be asked"""
    dawdles: float = 0.02
    dawdle_s: float = 0.0
    """so much of what it is told it does only after a while, up to this long"""
    kills: int = 0
    """process to kill in the middle of a large body; 0 = none"""
    made: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    """class → entity → what it was told, in order"""
    records: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    """class → remote id → record"""
    unheard: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """class → what it was told, and spoilt its answer to: nobody can know the outcome"""
    _remembered: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until it is closed: a stream's task that is cancelled would be told of as an error."""
        ends = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*ends), contextlib.closing(writer):
            while await self._one(reader, writer):
                pass

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        length = int(_value(head, LENGTH) or 0)
        if self.kills and length > MID_BODY_BYTES:
            pid, self.kills = self.kills, 0
            await reader.readexactly(MID_BODY_BYTES)
            os.kill(pid, signal.SIGKILL)
            return False
        body = json.decode(await reader.readexactly(length)) if length else None
        if self.dawdle_s and body is not None and self.chance.random() < self.dawdles:
            await asyncio.sleep(self.chance.random() * self.dawdle_s)
        busy = self.chance.random() < self.busy
        status, answer = (429, b"{}") if busy else self._answer(method, target, _value(head, KEY), body)
        spoilt = self.chance.random() < self.trouble
        if spoilt and body is not None:
            self.unheard[target.lstrip("/").partition("/")[0]].add(str(body["email"]))
        if spoilt and self.chance.random() < 0.5:
            return False
        if spoilt:
            status, answer = FAILED
        start = f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
        writer.write(start.encode() + answer)
        await writer.drain()
        return True

    def _answer(self, method: str, target: str, key: str, body: Any) -> tuple[int, bytes]:
        path, _, query = target.lstrip("/").partition("?")
        kind, _, name = unquote(path).partition("/")
        if method == "GET":
            mark = query.partition("=")[2]
            shown = [one for one in self.records[kind].values() if one["shown_at"] <= time.monotonic()]
            return 200, json.encode({"hits": [one for one in shown if one["mark"] == mark]})
        if key and key in self._remembered:
            return self._remembered[key]
        if BAD in str(body["full_name"]):
            return 422, b'{"error": "not a name that we take"}'
        answer = 200, json.encode({"id": self._write(kind, name, body)})
        if key and self.chance.random() < self.saves_failures:
            self.failing.add(str(body["email"]))
            answer = FAILED
        if key:
            self._remembered[key] = answer
        return answer

    def _write(self, kind: str, name: str, body: Any) -> str:
        records = self.records[kind]
        remote_id = name or f"{kind}-{len(records) + 1}"
        known = records.get(remote_id) or {
            "id": remote_id,
            "mark": body.get("mark", ""),
            "shown_at": time.monotonic() + self.chance.random() * self.lag_s,
        }
        records[remote_id] = {**known, "entity": body["reference"]}
        self.made[kind][str(body["reference"])].append(str(body["email"]))
        return remote_id


@contextlib.contextmanager
def oracle(chance: random.Random, classes: Sequence[str], host: str = "127.0.0.1") -> Generator[Oracle]:
    """Until the block ends, on a thread of its own."""
    served = Oracle(chance)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="oracle", daemon=True)
    thread.start()
    servers = []
    for name in classes:
        started = asyncio.run_coroutine_threadsafe(asyncio.start_server(served.serve, host, 0), loop)
        servers.append(started.result())
        served.urls[name] = f"http://{host}:{servers[-1].sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        asyncio.run_coroutine_threadsafe(_close(servers), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(servers: Sequence[asyncio.Server]) -> None:
    for server in servers:
        server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)


def _value(head: bytes, name: bytes) -> str:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(name):
            return line[len(name) :].strip().decode("latin-1")
    return ""
