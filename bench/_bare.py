"""What the libraries alone need for it, with nothing of a hub: the same endpoint and signature check, a group commit on
SQLite, and, given a sink, an intent, a request and an outcome for each, in one process with one writer thread.

    python bench/_bare.py PORT [FILE [SINK]]

Without a file, the endpoint alone: it checks the signature and answers. No identities of its own, no models, no flows,
no order, no claims, no retries. It is what nothing built on these libraries in one interpreter can pass, and no
promise is kept by it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import apsw
import uvicorn
from _wire import SIGNED_WITH
from pyreqwest.client import Client, ClientBuilder

GROUP = 256
AT_ONCE = 64
TABLES = """
PRAGMA journal_mode = wal;
PRAGMA synchronous = full;
CREATE TABLE messages (id TEXT PRIMARY KEY, body BLOB, state TEXT) WITHOUT ROWID;
CREATE TABLE requests (id TEXT PRIMARY KEY, body BLOB, state TEXT) WITHOUT ROWID;
"""
TAKEN = "INSERT INTO messages VALUES (?, ?, 'received') ON CONFLICT DO NOTHING"
INTENT = "INSERT INTO requests VALUES (?, ?, 'intent')"
OUTCOME = "UPDATE requests SET state = 'ok' WHERE id = ?"
STATEMENTS = (TAKEN, INTENT, OUTCOME)
Write = tuple[asyncio.Future[None], str, tuple[Any, ...]]


class Log:
    """Durable when the future is done. One thread commits what has gathered."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._waiting: deque[Write] = deque()
        self._wake = threading.Event()
        threading.Thread(target=self._write, daemon=True).start()

    def put(self, statement: str, *values: Any) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, statement, values))
        self._wake.set()
        return future

    def _write(self) -> None:
        cursor = apsw.Connection(self._file).cursor()
        cursor.execute(TABLES).fetchall()
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), GROUP))]
                cursor.execute("BEGIN IMMEDIATE")
                for statement in STATEMENTS:
                    cursor.executemany(statement, _values(group, statement))
                cursor.execute("COMMIT")
                group[0][0].get_loop().call_soon_threadsafe(_settle, group)


def _values(group: list[Write], statement: str) -> Iterator[tuple[Any, ...]]:
    return (values for _, meant, values in group if meant is statement)


def _settle(group: list[Write]) -> None:
    for future, _, _ in group:
        future.set_result(None)


class Bare:
    """An ASGI endpoint."""

    def __init__(self, file: str, sink: int) -> None:
        self._log = Log(file) if file else None
        self._sink = sink
        self._client: Client | None = None
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        given = dict(scope["headers"])[b"x-signature"].decode()
        fits = hmac.compare_digest(given, hmac.new(SIGNED_WITH.encode(), body, hashlib.sha256).hexdigest())
        if self._log is not None:
            await self._take(self._log, body)
        await send(
            {"type": "http.response.start", "status": 200 if fits else 401, "headers": [(b"content-length", b"0")]}
        )
        await send({"type": "http.response.body", "body": b""})

    async def _take(self, log: Log, body: bytes) -> None:
        said = json.loads(body)
        identity = hashlib.sha256(b"%d" % said["id"]).hexdigest()
        await log.put(TAKEN, identity, body)
        if self._sink:
            task = asyncio.create_task(self._pass_on(log, identity, said))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _pass_on(self, log: Log, identity: str, said: dict[str, Any]) -> None:
        async with self._slots:
            if self._client is None:
                self._client = ClientBuilder().build()
            lines = [
                {"Description": line["title"], "Qty": line["quantity"], "UnitPrice": line["price"]}
                for line in said["lines"]
            ]
            invoice = {
                "sent_at": said["sent_at"],
                "DocNumber": said["number"],
                "Line": lines,
                "TotalAmt": said["total"],
            }
            body = json.dumps(invoice, separators=(",", ":")).encode()
            await log.put(INTENT, identity, body)
            request = self._client.post(f"http://127.0.0.1:{self._sink}/invoices").body_bytes(body)
            answer = await request.header("content-type", "application/json").build().send()
            await answer.bytes()
            await log.put(OUTCOME, identity)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("file", nargs="?", default="")
    parser.add_argument("sink", nargs="?", type=int, default=0)
    wish = parser.parse_args()
    app = Bare(wish.file, wish.sink)
    uvicorn.run(
        app, port=wish.port, log_level="critical", access_log=False, lifespan="off", http="httptools", loop="uvloop"
    )


if __name__ == "__main__":
    main()
