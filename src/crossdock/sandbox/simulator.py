"""The base of every simulator: an ASGI app over in-memory records, with faults and counts around it."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive, Scope, Send

from crossdock.sandbox import sending
from crossdock.sandbox.clock import SandboxClock
from crossdock.sandbox.faults import FaultKind, FaultScript
from crossdock.sandbox.http import Reply, Request, Route, Router
from crossdock.sandbox.webhooks import WebhookSender

MAX_BODY_BYTES: Final = 10 * 1024 * 1024
DRIP_PAUSE_S: Final = 0.5
"""Simulated seconds between two pieces of a dripping answer."""

Record = dict[str, Any]
Records = list[Record]


class SeedError(ValueError):
    """Data that this platform cannot hold. The message names the record and the rule."""


class Simulator:
    """One platform, played strictly.

    A subclass names itself, gives its routes, its credentials and its records; handlers are synchronous and
    change state at once, so a request is a transaction. The framework reads the request, asks `admit`, draws
    a fault, runs the handler and sends what is left of the answer.

    `clock()` is simulated time (token life, rate windows, index lag, retry schedules); `clock.civil()` is
    wall time (stamps in records, signatures). `rng` is seeded: ids, secrets and chances come from it.
    """

    name: ClassVar[str]
    faulty: ClassVar[tuple[str, ...]] = ()
    """Where random faults fall unless the script says `only`: regular expressions over `METHOD /path`.

    Empty: everywhere.
    """

    def __init__(self, *, seed: int = 0, clock: SandboxClock | None = None) -> None:
        self.random_seed = seed
        self.clock = clock or SandboxClock()
        self.rng = random.Random(f"{self.name}:{seed}")  # noqa: S311 - repeatable by design
        self.url = ""
        """Base URL without a slash at its end; set when the simulator is served."""
        self.faults = self.script()
        self.webhooks: WebhookSender | None = None
        self.closing = asyncio.Event()
        self.requests: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.throttles = 0
        self._router = Router(self.routes())

    def routes(self) -> Iterable[Route]:
        raise NotImplementedError

    def credentials(self) -> dict[str, str]:
        """What a client needs besides the URL: ids, secrets, tokens. Called after `url` is set."""
        raise NotImplementedError

    def seed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Puts records in as if they had always been there: no webhook is sent. Returns what was made.

        Raises SeedError.
        """
        raise NotImplementedError

    def list(self, kind: str) -> Records:
        """All records of a kind, oldest first, as the platform shows them. Raises KeyError: unknown kind."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forgets every record and count. Credentials, webhook target and faults stay. To be extended."""
        self.requests.clear()
        self.answers.clear()
        self.throttles = 0
        self.faults.counts.clear()

    def notify(self, data: Mapping[str, Any]) -> int:
        """Queues webhooks on request of the admin; returns how many. `data` has the platform's own fields.

        Raises SeedError.
        """
        raise SeedError(f"{self.name} sends its webhooks when its records change; it takes no request for one")

    def admit(self, request: Request) -> Reply | None:
        """The platform's rate limits: a reply refuses the request before anything else happens."""
        return None

    def leave(self, request: Request) -> None:
        """Called once for each request that `admit` let in, when its answer is out or its connection gone."""

    def refusal(self, status: int, request: Request) -> Reply:
        """The platform's own body for a 429, 500 or 503 of the fault script."""
        return Reply.text("", status)

    def not_found(self, request: Request) -> Reply:
        """No route at this path."""
        return Reply.text(f"there is no {request.path} here", 404)

    def finish(self, request: Request, reply: Reply) -> Reply:
        """A last touch to every answer that a handler gave: headers that the platform always sends."""
        return reply

    def script(self, **settings: Any) -> FaultScript:
        """A fault script with this platform's own default for `only`. Raises ScriptError."""
        settings.setdefault("seed", self.random_seed)
        return FaultScript(**{**settings, "only": settings.get("only") or self.faulty})

    def stats(self) -> dict[str, Any]:
        return {
            "requests": dict(self.requests),
            "answers": {str(status): count for status, count in sorted(self.answers.items())},
            "throttles": self.throttles,
            "faults": {kind.value: count for kind, count in sorted(self.faults.counts.items())},
            "webhooks": self.webhooks.stats() if self.webhooks else {},
        }

    def set_clock(self, clock: SandboxClock) -> None:
        """Changes how fast time goes; to be called before the first request."""
        self.clock = clock
        if self.webhooks:
            self.webhooks.clock = clock

    async def close(self) -> None:
        """Lets go of withheld answers and of webhooks that are still under way."""
        self.closing.set()
        if self.webhooks:
            await self.webhooks.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"{self.name} speaks HTTP only, not {scope['type']}")
        try:
            request = await read_request(scope, receive)
        except ClientLeftError:
            return
        except BodyTooLargeError:
            await sending.send_reply(Reply.text("the body is larger than 10 MB", 413), send)
            return
        if refused := self.admit(request):
            self.throttles += 1
            self.answers[refused.status] += 1
            await sending.send_reply(self.finish(request, refused), send)
            return
        try:
            await self._answer(request, scope, receive, send)
        finally:
            self.leave(request)

    async def _answer(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._router.match(request.method, request.path)
        self.requests[f"{request.method} {found[0].path}" if found else "unrouted"] += 1
        fault = self.faults.draw(request.method, request.path)
        reply = sending.LOGIN_PAGE
        if fault is None or fault.commits:
            reply = self.finish(request, self.handle(request))
        if fault is not None and fault.status is not None:
            reply = self.finish(request, self.refusal(fault.status, request))
        match fault:
            case FaultKind.RESET_BEFORE | FaultKind.RESET_AFTER_COMMIT:
                await sending.cut(scope, receive)
                return
            case FaultKind.TIMEOUT_AFTER_COMMIT:
                await sending.hold(scope, receive, self.closing)
                return
        self.answers[reply.status] += 1
        match fault:
            case FaultKind.SLOW_DRIP:
                await sending.send_dripping(reply, send, self.clock.real_s(DRIP_PAUSE_S))
            case FaultKind.TRUNCATED_JSON:
                await sending.send_reply(sending.truncated(reply), send)
            case _:
                await sending.send_reply(reply, send)

    def handle(self, request: Request) -> Reply:
        """The platform's answer, without faults and limits."""
        found = self._router.match(request.method, request.path)
        if found is None:
            allowed = self._router.allowed(request.path)
            if allowed:
                return Reply.text("method not allowed", 405).with_headers({"allow": ", ".join(allowed)})
            return self.not_found(request)
        route, params = found
        return route.handler(
            Request(request.method, request.path, request.query, request.headers, request.body, params)
        )


class ClientLeftError(Exception):
    """The connection ended before the request did."""


class BodyTooLargeError(Exception):
    """The body is larger than `MAX_BODY_BYTES`."""


async def read_request(scope: Scope, receive: Receive) -> Request:
    """The request with its whole body. Raises ClientLeftError, BodyTooLargeError."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLargeError
    return Request(
        scope["method"],
        scope["path"],
        QueryParams(scope["query_string"]),
        Headers(scope=scope),
        bytes(body),
    )
