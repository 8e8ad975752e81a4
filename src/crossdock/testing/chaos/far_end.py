"""The other side: one destination for each effect class, with real flaws, and a memory of all that ever happened."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from crossdock.core import crash, json
from crossdock.core.errors import TransportError
from crossdock.core.wire import Http, Response
from crossdock.testing.chaos.tokens import Tokens
from crossdock.testing.chaos.weather import Fault, Weather

JSON = {"content-type": "application/json"}
LONGEST_LAG_S = 12.0
"""What was made is found by a look-up after this at the latest."""
KEY_KEPT_S = 3600.0
LATE_S = 0.5
"""How long after the deadline what is `late` happens."""
PAGE_ROWS = 3

UNGUARDED = frozenset({"upsert", "batch", "steps", "tokens"})
"""Where a request that lands after a newer one would win: none is late there."""


@dataclass(frozen=True, slots=True)
class Made:
    """One effect."""

    host: str
    key: str
    value: str
    record: str
    at: float


class FarEnd:
    """A Transport. What it serves goes on when the hub that asked is dead."""

    def __init__(self, weather: Weather, chance: random.Random) -> None:
        self.weather = weather
        self._chance = chance
        self.tokens = Tokens(chance)
        self.made: list[Made] = []
        self.requests: Counter[str] = Counter()
        """value → how often something was asked for it"""
        self.other_bytes: list[str] = []
        """values that came twice under one key with different bytes"""
        self.dawdles = False
        """what it is asked at this moment it carries out at any time within the deadline"""
        self.unauthorised = 0
        self.intended: Callable[[Http], bool] = lambda _: True
        """whether an intent was committed for a request before it came"""
        self.unwritten: list[str] = []
        """requests that came without one"""
        self.rows: list[dict[str, Any]] = []
        """what a poll reads, in the order of `at`"""
        self._records: dict[tuple[str, str], dict[str, Any]] = {}
        self._remembered: dict[tuple[str, str], tuple[float, Http, Response]] = {}
        self._locks: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    # --- the wire -----------------------------------------------------------------------------------------------

    async def exchange(self, request: Http, deadline_s: float) -> Response:
        host, path = _place(request)
        if request.method == "POST" and host != "tokens" and not self.intended(request):
            self.unwritten.append(f"{request.method} {request.url}")
        fault = self.weather.draw()
        if fault is Fault.REFUSED:
            raise TransportError("connection refused", sent=False)
        crash.at("send.mid_body")
        work = self._serve(request, host, path, fault, deadline_s)
        serving = asyncio.create_task(work, context=Context())  # outlives who asked
        serving.add_done_callback(_forget)
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(serving)
        except TimeoutError:
            raise TransportError("no whole answer in time", sent=True) from None

    async def close(self) -> None: ...

    async def _serve(self, request: Http, host: str, path: str, fault: Fault | None, deadline_s: float) -> Response:
        await asyncio.sleep(self.weather.latency_s())
        if self.dawdles:
            await asyncio.sleep(self._chance.random() * deadline_s)
        if fault is Fault.LATE and host not in UNGUARDED:
            await asyncio.sleep(deadline_s + LATE_S)
        early = self._spoilt_before(fault)
        if early is not None:
            return early
        if fault is Fault.SILENT_BEFORE:
            await asyncio.sleep(2 * deadline_s)
            raise TransportError("silent", sent=True)
        async with self._locks[host, dict(request.headers).get("idempotency-key", "")]:
            response = self._answer(request, host, path, fault)
        await asyncio.sleep(self.weather.latency_s())
        return await self._spoilt_after(response, fault, deadline_s)

    def _spoilt_before(self, fault: Fault | None) -> Response | None:
        if fault is Fault.RESET_BEFORE:
            raise TransportError("the connection was reset", sent=True)
        if fault is Fault.ERROR_BEFORE:
            return Response(500, JSON, b'{"error":"internal"}')
        if fault is Fault.BUSY:
            return Response(503, {}, b"")
        if fault is Fault.RATE:
            return Response(429, {**JSON, "retry-after": self.weather.retry_after()}, b'{"error":"slower"}')
        return None

    async def _spoilt_after(self, response: Response, fault: Fault | None, deadline_s: float) -> Response:
        if fault is Fault.RESET_AFTER:
            raise TransportError("the answer never came", sent=True)
        if fault is Fault.SILENT_AFTER:
            await asyncio.sleep(2 * deadline_s)
        if fault is Fault.ERROR_AFTER:
            return Response(500, JSON, b'{"error":"internal"}')
        if fault is Fault.PAGE:
            return Response(200, {"content-type": "text/html"}, b"<html>Log in</html>")
        if fault is Fault.TORN:
            return Response(200, JSON, response.body[: len(response.body) // 2])
        return response

    # --- what is asked ------------------------------------------------------------------------------------------

    def _answer(self, request: Http, host: str, path: str, fault: Fault | None) -> Response:
        headers = dict(request.headers)
        if path.startswith("token"):
            return self.tokens.answer(request)
        if not self.tokens.lets_in(host, headers.get("authorization", ""), self._now()):
            self.unauthorised += 1
            return Response(401, JSON, b'{"error":"the token has ended"}')
        key = headers.get("idempotency-key", "")
        known = self._remembered.get((host, key)) if key else None
        if known is not None and self._now() - known[0] < KEY_KEPT_S:
            if known[1].body != request.body or known[1].url != request.url:
                self.other_bytes.append(request.body.decode())
            return known[2]
        response = self._act(host, path, json.decode(request.body) if request.body else None)
        if fault is Fault.SAVED_ERROR and host == "keyed":
            response = Response(500, JSON, b'{"error":"internal"}')
        if key:
            self._remembered[host, key] = (self._now(), request, response)
        return response

    def _act(self, host: str, path: str, body: Any) -> Response:
        kind, _, rest = path.partition("/")
        if kind == "find":
            return _ok({"hits": self._indexed(host, rest)})
        if kind == "rows":
            return _ok(self._page(rest))
        if kind == "batch":
            said = [self._one(host, item) for item in body]
            self._chance.shuffle(said)
            return _ok({"results": said})
        self.requests[body["value"]] += 1
        if body["value"].endswith("!bad"):
            return Response(422, JSON, b'{"error":"not a value that we take"}')
        if kind == "inbox" and (host, rest) in self._records:
            return _ok(self._records[host, rest])
        names = {"make": f"r{len(self._records) + 1}", "put": rest, "change": rest, "inbox": rest}
        return _ok(self._write(host, names[kind], body))

    def _one(self, host: str, item: dict[str, Any]) -> dict[str, Any]:
        self.requests[item["value"]] += 1
        if item["value"].endswith("!bad"):
            return {"id": item["id"], "error": "not a value that we take"}
        if not self.weather.clear and self._chance.random() < 0.1:
            return {"id": item["id"], "later": "busy with this one"}
        return {"id": item["id"], "record": self._write(host, item["key"], item)["id"]}

    def _write(self, host: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        first_at = self._records[host, name]["first_at"] if (host, name) in self._records else self._now()
        visible_at = first_at + self._chance.random() * LONGEST_LAG_S
        record = {**body, "id": name, "first_at": first_at, "visible_at": visible_at}
        self._records[host, name] = record
        self.made.append(Made(host, body["key"], body["value"], name, self._now()))
        return record

    def _indexed(self, host: str, marker: str) -> list[str]:
        return [
            name
            for (where, name), record in self._records.items()
            if where == host and record["marker"] == marker and record["visible_at"] <= self._now()
        ]

    def _page(self, after: str) -> dict[str, Any]:
        at, _, number = after.partition("|")
        beyond = [row for row in self.rows if (row["at"], row["number"]) > (float(at), int(number))]
        return {"rows": beyond[:PAGE_ROWS], "more": len(beyond) > PAGE_ROWS}


def _forget(task: asyncio.Task[Response]) -> None:
    """Nobody may be left to hear how it ended."""
    if not task.cancelled():
        task.exception()


def _place(request: Http) -> tuple[str, str]:
    host, _, path = request.url.removeprefix("https://").partition("/")
    return host.partition(".")[0], path


def _ok(answer: Any) -> Response:
    return Response(200, JSON, json.encode(answer))
