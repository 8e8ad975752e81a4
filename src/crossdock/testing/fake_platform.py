"""A small platform inside the process, with real flaws: the other end of an engine under test.

It keeps records, remembers keys and plays faults from a script. `testing.fake_connector` speaks to it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crossdock.core import json
from crossdock.core.errors import TransportError
from crossdock.core.wire import Http, Response, Wire

BASE = "https://fake.example"
JSON = {"content-type": "application/json"}


@dataclass
class FakePlatform:
    """The far end, as a Transport. `faults` holds, for each path prefix, what happens to the next requests there:
    a status to answer with, or one of `refused`, `lost_before`, `lost_after`, `html`."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    """remote id → {marker, key, value, writes}"""
    faults: dict[str, list[str | int]] = field(default_factory=lambda: defaultdict(list))
    requests: list[Http] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    """values in the order in which they took effect"""
    remembered: dict[str, Response] = field(default_factory=dict)
    """native keys"""
    jobs: Counter[str] = field(default_factory=Counter)
    delay_s: float = 0.0
    retry_after_s: int = 7
    """what a 429 asks for"""
    sleep: Callable[[float], Any] | None = None
    at_once: int = 0
    most_at_once: int = 0
    ids: str = "r"
    """what the ids of new records begin with"""

    async def exchange(self, request: Wire, deadline_s: float) -> Response:
        assert isinstance(request, Http)
        self.requests.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.sleep is not None and self.delay_s:
                await self.sleep(self.delay_s)
            return self._play(request)
        finally:
            self.at_once -= 1

    async def close(self) -> None: ...

    def _play(self, request: Http) -> Response:
        path = request.url.removeprefix(BASE)
        fault = self._fault(path)
        if fault == "refused":
            raise TransportError("connection refused", sent=False)
        if fault == "lost_before":
            raise TransportError("the connection was reset", sent=True)
        if isinstance(fault, int) and fault < 500:
            headers = {**JSON, "retry-after": f"{self.retry_after_s}"} if fault == 429 else JSON
            return Response(fault, headers, b'{"error":"no"}')
        response = self._answer(request, path)
        if fault == "lost_after":
            raise TransportError("the answer never came", sent=True)
        if fault == "html":
            return Response(200, {"content-type": "text/html"}, b"<html>Log in</html>")
        if isinstance(fault, int):
            return Response(fault, JSON, b'{"error":"internal"}')
        return response

    def _fault(self, path: str) -> str | int | None:
        for prefix, script in self.faults.items():
            if path.startswith(prefix) and script:
                return script.pop(0)
        return None

    def _answer(self, request: Http, path: str) -> Response:
        headers = dict(request.headers)
        key = headers.get("idempotency-key", "")
        if key and key in self.remembered:
            return self.remembered[key]
        response = self._apply(request, path)
        if key:
            self.remembered[key] = response
        return response

    def _apply(self, request: Http, path: str) -> Response:
        kind, _, rest = path.lstrip("/").partition("/")
        body: Any = json.decode(request.body) if request.body else None
        if kind == "create":
            return self._ok(self._write(f"{self.ids}{len(self.records) + 1}", body))
        if kind == "put":
            return self._ok(self._write(rest, body))
        if kind == "find":
            hits = [name for name, record in self.records.items() if rest in {record["marker"], record["key"]}]
            return self._ok({"hits": hits})
        if kind == "batch":
            return self._ok({"results": [self._one(item) for item in body]})
        if kind == "job":
            self.jobs[rest] += 1
            return self._ok({"ready": self.jobs[rest] > 1})
        if kind == "read":
            record = self.records.get(rest)
            return self._ok(record) if record else Response(404, JSON, b"{}")
        return Response(404, JSON, b'{"error":"no such path"}')

    def _one(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        if item["value"] == "bad":
            return {"id": item["id"], "error": "not a value that we take"}
        return {"id": item["id"], "remote": self._write(f"b-{item['key']}", item)["id"]}

    def _write(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        before = self.records.get(name, {"writes": 0})
        self.records[name] = {**body, "id": name, "writes": before["writes"] + 1}
        self.effects.append(str(body["value"]))
        return self.records[name]

    @staticmethod
    def _ok(answer: Any) -> Response:
        return Response(200, JSON, json.encode(answer))
