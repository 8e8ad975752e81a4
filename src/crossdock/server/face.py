"""Which path leads where: everything the hub serves to the outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crossdock.core.connector import Reply
from crossdock.engine.supervise import Hub
from crossdock.server.health import Health
from crossdock.server.hooks import PREFIX, Hooks, answer


class Face:
    """An ASGI app. What is not listed here is 404."""

    def __init__(self, hub: Hub, exposition: Callable[[], bytes]) -> None:
        health = Health(hub, exposition)
        self._receives = hub.context.role != "deliver"
        self._hooks = Hooks(hub.receiver, hub.context.landscape)
        self._pages: dict[str, Callable[[], Reply]] = {
            "/healthz": health.alive,
            "/readyz": health.ready,
            "/metrics": health.metrics,
        }

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        if self._receives and path.startswith(PREFIX):
            await self._hooks(scope, receive, send)
            return
        page = self._pages.get(path)
        if page is None:
            await answer(send, Reply(404, b"not found"))
        elif scope["method"] not in {"GET", "HEAD"}:
            await answer(send, Reply(405, b"GET only"))
        else:
            await answer(send, page())
