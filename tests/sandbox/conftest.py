"""A request straight into a simulator, without a socket: for the many rules that no client library shows."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.types import Message

from crossdock.sandbox.simulator import Simulator

Asked = Callable[..., Awaitable[tuple[int, Headers, bytes]]]


async def ask(
    app: Simulator, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> tuple[int, Headers, bytes]:
    """Status, headers and body of the answer to one request."""
    sent: list[Message] = []
    path, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    return start["status"], Headers(raw=start["headers"]), b"".join(part["body"] for part in rest)


class JsonDoor:
    """Asks a simulator in JSON and keeps the headers of its last answer."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.headers = Headers()

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, self.headers, answer = await ask(self.simulator, method, path, sent, named)
        return status, json.loads(answer) if answer else None


@pytest.fixture
def json_door() -> Callable[[Simulator], JsonDoor]:
    return JsonDoor
