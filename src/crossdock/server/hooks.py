"""Webhooks: a bare ASGI route, because every microsecond here is paid by every event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from crossdock.core import crash
from crossdock.core.connector import Inbound, Reply
from crossdock.core.flow import Landscape
from crossdock.engine.receive import Receiver

PREFIX = "/hooks/"
MAX_BODY_BYTES = 10 * 1024 * 1024
METHODS = frozenset({"POST", "PUT", "GET", "HEAD"})
"""GET only for the handshakes of platforms that check a hook's address."""


class Hooks:
    def __init__(self, receiver: Receiver, landscape: Landscape) -> None:
        self._receiver = receiver
        self._landscape = landscape

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        await answer(send, await self._reply(scope, receive))
        crash.at("ingest.acked")

    async def _reply(self, scope: Mapping[str, Any], receive: Any) -> Reply:
        name = scope["path"][len(PREFIX) :]
        connection = self._landscape.connections.get(name)
        if connection is None or connection.connector.webhook is None:
            return Reply(404, b"no such hook")
        if scope["method"] not in METHODS:
            return Reply(405, b"POST or PUT")
        headers = _headers(scope["headers"])
        if headers is None:
            return Reply(400, b"a header may be sent once")
        if headers.get("content-encoding", "identity") != "identity":
            return Reply(415, b"send the body uncompressed")
        body = await _body(receive, headers)
        if isinstance(body, Reply):
            return body
        query = scope["query_string"].decode("latin-1")
        url = _url(connection.public_url, scope, headers, query)
        return await self._receiver.receive(
            name, Inbound(scope["method"], url, headers, body, dict(parse_qsl(query)), _remote(scope))
        )


async def answer(send: Any, reply: Reply) -> None:
    headers = [
        (b"content-type", reply.content_type.encode()),
        (b"content-length", str(len(reply.body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    if reply.status == 503:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str] | None:
    """Lower-case names. None when one that decides something comes twice: which was meant cannot be known."""
    headers: dict[str, str] = {}
    for name_bytes, value in raw:
        name = name_bytes.decode("latin-1").lower()
        if name in headers:
            if name in {"content-length", "content-type", "host"} or "signature" in name or "hmac" in name:
                return None
            headers[name] = f"{headers[name]}, {value.decode('latin-1')}"
        else:
            headers[name] = value.decode("latin-1")
    return headers


async def _body(receive: Any, headers: Mapping[str, str]) -> bytes | Reply:
    """The whole body, or the reply that refuses it before it is buffered. The protocol says how long it may take."""
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        return Reply(413, b"the body is larger than 10 MiB")
    message = await _next(receive)
    chunks, size = [message.get("body", b"")], len(message.get("body", b""))
    while message.get("more_body") and size <= MAX_BODY_BYTES:
        message = await _next(receive)
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    if size > MAX_BODY_BYTES:
        return Reply(413, b"the body is larger than 10 MiB")
    if message["type"] == "http.disconnect":
        return Reply(400, b"the body is shorter than announced")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _next(receive: Any) -> dict[str, Any]:
    message: dict[str, Any] = await receive()
    return message


def _url(public_url: str, scope: Mapping[str, Any], headers: Mapping[str, str], query: str) -> str:
    """As the sender signed it. Forwarding headers are not believed: behind a proxy, a project names its public URL."""
    if not public_url:
        path = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
        public_url = f"{scope['scheme']}://{headers.get('host', 'localhost')}{path}"
    return f"{public_url}?{query}" if query else public_url


def _remote(scope: Mapping[str, Any]) -> str:
    client = scope.get("client")
    return client[0] if client else ""
