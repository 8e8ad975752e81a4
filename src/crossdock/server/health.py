"""For machines that watch: is it alive, is it ready, what does it count."""

from __future__ import annotations

from collections.abc import Callable

from crossdock.core import json
from crossdock.core.connector import Reply
from crossdock.engine.supervise import Hub

JSON = "application/json"


class Health:
    def __init__(self, hub: Hub, exposition: Callable[[], bytes]) -> None:
        self._hub = hub
        self._exposition = exposition

    def alive(self) -> Reply:
        """The process answers."""
        return Reply(200, b'{"status":"ok"}', JSON)

    def ready(self) -> Reply:
        """It takes webhooks. A paused connection or an open breaker is no reason to send them elsewhere: it is said."""
        context = self._hub.context
        ready = self._hub.ready and not context.failed and not context.refuses
        body = {
            "status": "ready" if ready else "not ready",
            "paused": sorted(context.paused),
            "failing_polls": sorted(self._hub.failing_polls()),
            "why": context.refuses,
        }
        return Reply(200 if ready else 503, json.encode(body), JSON)

    def metrics(self) -> Reply:
        """Prometheus text."""
        return Reply(200, self._exposition(), "text/plain; version=0.0.4; charset=utf-8")
