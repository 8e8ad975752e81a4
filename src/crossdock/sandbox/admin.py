"""The admin door of a simulator, no part of any platform: seeds, lists, resets, faults, webhooks.

It lives on the simulator's own port under `/_admin/<token>/`; the token is random and only the line that
`crossdock sandbox` prints holds it. Neither faults nor limits apply here.
"""

import hmac
import secrets
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from crossdock.sandbox import sending
from crossdock.sandbox.faults import ScriptError
from crossdock.sandbox.http import JsonError, Reply, Request, Route, Router
from crossdock.sandbox.simulator import BodyTooLargeError, ClientLeftError, SeedError, Simulator, read_request
from crossdock.sandbox.webhooks import target_from

PREFIX: Final = "/_admin/"
_FAULT_FIELDS: Final = ("seed", "rates", "only", "next")


class AdminDoor:
    """ASGI app in front of a simulator: answers under `/_admin/<token>/`, passes the rest on."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.token = secrets.token_urlsafe(24)
        self._router = Router(
            [
                Route("POST", "/seed", self._seed),
                Route("GET", "/list/{kind}", self._list),
                Route("POST", "/reset", self._reset),
                Route("GET", "/faults", self._faults),
                Route("POST", "/faults", self._set_faults),
                Route("GET", "/stats", self._stats),
                Route("POST", "/webhooks", self._set_webhooks),
                Route("POST", "/webhooks/send", self._send_webhooks),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.simulator(scope, receive, send)
            return
        token, _, rest = scope["path"].removeprefix(PREFIX).partition("/")
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            await sending.send_reply(_problem(404, "no such admin URL; `crossdock sandbox` prints it"), send)
            return
        try:
            request = await read_request(scope, receive)
        except ClientLeftError:
            return
        except BodyTooLargeError:
            await sending.send_reply(_problem(413, "the body is larger than 10 MB"), send)
            return
        await sending.send_reply(self._answer(request, "/" + rest), send)

    def _answer(self, request: Request, path: str) -> Reply:
        found = self._router.match(request.method, path)
        if found is None:
            allowed = self._router.allowed(path)
            if allowed:
                return _problem(405, f"{path} takes {', '.join(allowed)}")
            return _problem(404, f"there is no {path} here; see docs/sandbox.md")
        route, params = found
        try:
            return route.handler(Request(request.method, path, request.query, request.headers, request.body, params))
        except (JsonError, SeedError, ScriptError, ValueError, TypeError) as error:
            return _problem(400, str(error))

    def _seed(self, request: Request) -> Reply:
        return Reply.json(self.simulator.seed(_object(request)))

    def _list(self, request: Request) -> Reply:
        kind = request.params["kind"]
        try:
            records = self.simulator.list(kind)
        except KeyError:
            return _problem(404, f"{self.simulator.name} keeps no {kind!r}")
        return Reply.json(records)

    def _reset(self, request: Request) -> Reply:
        self.simulator.reset()
        return Reply.json({})

    def _faults(self, request: Request) -> Reply:
        return Reply.json(self.simulator.faults.describe())

    def _set_faults(self, request: Request) -> Reply:
        data = _object(request)
        unknown = set(data) - set(_FAULT_FIELDS)
        if unknown:
            raise ScriptError(f"unknown field {sorted(unknown)[0]!r}; there are {', '.join(_FAULT_FIELDS)}")
        counts = self.simulator.faults.counts
        self.simulator.faults = self.simulator.script(**data)
        self.simulator.faults.counts.update(counts)
        return Reply.json(self.simulator.faults.describe())

    def _stats(self, request: Request) -> Reply:
        return Reply.json(self.simulator.stats())

    def _set_webhooks(self, request: Request) -> Reply:
        if self.simulator.webhooks is None:
            return _problem(404, f"{self.simulator.name} sends no webhooks")
        data = _object(request)
        self.simulator.webhooks.target = target_from(data) if data else None
        return Reply.json({"url": data.get("url")})

    def _send_webhooks(self, request: Request) -> Reply:
        return Reply.json({"queued": self.simulator.notify(_object(request))})


def _object(request: Request) -> dict[str, Any]:
    data = request.json() if request.body else {}
    if not isinstance(data, dict):
        raise JsonError("a JSON object is needed")
    return data


def _problem(status: int, detail: str) -> Reply:
    return Reply.json({"error": detail}, status)
