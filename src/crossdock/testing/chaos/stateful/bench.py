"""A destination that answers when it is told to, and never by itself."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

from crossdock.core import crash, json
from crossdock.core.errors import TransportError
from crossdock.core.wire import Http, Response
from crossdock.testing.chaos.tokens import Tokens

JSON = {"content-type": "application/json"}


@dataclass(eq=False)
class Asked:
    """A request that waits for its answer."""

    host: str
    kind: str
    value: str
    key: str
    request: Http
    answer: asyncio.Future[Response]


class Bench:
    """A Transport. Look-ups and tokens are answered at once, and truly."""

    def __init__(self) -> None:
        self.tokens = Tokens(random.Random(1))  # noqa: S311 - its flavour is set below
        self.tokens.flavour, self.tokens.host = "sticky", "native"
        self.renewed_at = 0.0
        self.waiting: list[Asked] = []
        self.told: dict[tuple[str, str], list[str]] = {}
        """(host, key) → values, in order"""
        self.records: dict[str, dict[str, Any]] = {}
        """of `lookup`"""
        self.changed: list[str] = []
        """keys that came with other bytes than before"""
        self.troubles: Counter[str] = Counter()
        """host → in a row"""
        self._remembered: dict[str, tuple[Http, Response]] = {}

    async def exchange(self, request: Http, deadline_s: float) -> Response:
        host, _, path = request.url.removeprefix("https://").partition(".example/")
        if host == "tokens":
            self.renewed_at = asyncio.get_running_loop().time()
            return self.tokens.answer(request)
        if path.startswith("find/"):
            marker = path.removeprefix("find/")
            return _ok({"hits": [name for name, record in self.records.items() if record["marker"] == marker]})
        token = dict(request.headers).get("authorization", "")
        if not self.tokens.lets_in(host, token, asyncio.get_running_loop().time()):
            return Response(401, JSON, b'{"error":"the token has ended"}')
        crash.at("send.mid_body")
        body = json.decode(request.body)
        kind = "change" if path.startswith("change/") else "make"
        asked = Asked(
            host,
            kind,
            body["value"],
            body["key"].removeprefix("in:"),
            request,
            asyncio.get_running_loop().create_future(),
        )
        self.waiting.append(asked)
        return await asked.answer

    async def close(self) -> None: ...

    def end_token(self) -> None:
        """Before its time."""
        self.tokens._access.clear()

    def lands(self, asked: Asked) -> Response:
        """It is carried out."""
        headers = dict(asked.request.headers)
        name = headers.get("idempotency-key", "")
        if name in self._remembered:
            before, response = self._remembered[name]
            if before.body != asked.request.body:
                self.changed.append(asked.value)
            return response
        self.told.setdefault((asked.host, asked.key), []).append(asked.value)
        record = {**json.decode(asked.request.body), "id": f"{asked.host}-{len(self.told)}-{len(self.records) + 1}"}
        if asked.kind == "change":
            record["id"] = asked.request.url.rpartition("/")[2]
        if asked.host == "lookup":
            self.records[record["id"]] = record
        response = _ok(record)
        if name:
            self._remembered[name] = (asked.request, response)
        return response

    def answers(self, asked: Asked, how: str) -> None:
        """By one of `model.HOW`."""
        self.waiting.remove(asked)
        response = self.lands(asked) if how in {"ok", "unheard"} else None
        troubled = how in {"unheard", "lost", "unreachable"}
        self.troubles[asked.host] = self.troubles[asked.host] + 1 if troubled else 0
        if how == "ok" and response is not None:
            asked.answer.set_result(response)
        elif how == "unheard":
            asked.answer.set_result(Response(500, JSON, b'{"error":"internal"}'))
        elif how == "lost":
            asked.answer.set_exception(TransportError("no whole answer in time", sent=True))
        elif how == "unreachable":
            asked.answer.set_exception(TransportError("connection refused", sent=False))
        elif how == "busy":
            asked.answer.set_result(Response(429, JSON, b'{"error":"slower"}'))
        else:
            asked.answer.set_result(Response(422, JSON, b'{"error":"not a value that we take"}'))

    def cut(self, *, lands: bool) -> None:
        """Who asked is dead."""
        for asked in self.waiting:
            if lands:
                self.lands(asked)
        self.waiting.clear()
        self.troubles.clear()


def _ok(answer: Any) -> Response:
    return Response(200, JSON, json.encode(answer))
