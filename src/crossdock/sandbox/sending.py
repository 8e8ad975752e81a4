"""How an answer goes out: whole, dripping, cut, late or not at all."""

import asyncio
import contextlib
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from crossdock.sandbox.http import Reply

CUT_EXTENSION: Final = "crossdock.cut"
"""ASGI extension of our server: `scope["extensions"][CUT_EXTENSION]()` resets the TCP connection."""

HOLD_LIMIT_S: Final = 300.0
"""Real seconds after which a withheld answer becomes a reset, should the client wait that long."""

LOGIN_PAGE: Final = Reply.text(
    "<!DOCTYPE html><html><head><title>Sign in</title></head>"
    "<body><form method=post><input name=user><input name=password></form></body></html>",
    content_type="text/html; charset=utf-8",
)


class ConnectionCutError(Exception):
    """The connection was to be reset but the server has no way to: raised so that no answer leaves."""


async def send_reply(reply: Reply, send: Send) -> None:
    await send(_start(reply))
    await send({"type": "http.response.body", "body": reply.body})


async def send_dripping(reply: Reply, send: Send, pause_s: float, pieces: int = 20) -> None:
    """The whole answer, in small pieces with `pause_s` real seconds between them."""
    await send(_start(reply))
    size = max(1, -(-len(reply.body) // pieces))
    for offset in range(0, len(reply.body), size):
        await send({"type": "http.response.body", "body": reply.body[offset : offset + size], "more_body": True})
        await asyncio.sleep(pause_s)
    await send({"type": "http.response.body", "body": b""})


def truncated(reply: Reply) -> Reply:
    """A well-formed HTTP answer whose body stops in the middle."""
    return Reply(reply.status, reply.body[: max(1, len(reply.body) // 2)], reply.headers)


async def cut(scope: Scope, receive: Receive) -> None:
    """Resets the connection: the client sees ECONNRESET, never an answer."""
    reset = (scope.get("extensions") or {}).get(CUT_EXTENSION)
    if reset is None:
        raise ConnectionCutError("the connection was reset by the script of faults")
    reset()
    await _disconnected(receive)


async def hold(scope: Scope, receive: Receive, closing: asyncio.Event) -> None:
    """Gives no answer until the client leaves, the sandbox closes or `HOLD_LIMIT_S` is over; then resets."""
    waits = [asyncio.ensure_future(_disconnected(receive)), asyncio.ensure_future(closing.wait())]
    try:
        await asyncio.wait(waits, timeout=HOLD_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        left = waits[0].done()
    finally:
        for wait in waits:
            wait.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await wait
    if not left:
        await cut(scope, receive)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _start(reply: Reply) -> Message:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    return {"type": "http.response.start", "status": reply.status, "headers": headers}
