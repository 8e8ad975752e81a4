"""A token provider that turns its refresh tokens over, in one of three flavours, and remembers whom it turned away."""

from __future__ import annotations

import asyncio
import random

from crossdock.core import json
from crossdock.core.wire import Http, Response

LIFE_S = 75.0
"""How long an access token lets in: longer than the hub's margin before its end."""
GRACE_S = 60.0
JSON = {"content-type": "application/json"}


class Tokens:
    """`strict`: a refresh token is good once, and its second use ends the whole family. `grace`: its second use within
    GRACE_S gets the same answer. `sticky`: it is good for ever."""

    def __init__(self, chance: random.Random) -> None:
        self.flavour = chance.choice(("strict", "grace", "sticky"))
        self.host = ""
        """the destination that asks for its tokens; none = they are not in use"""
        self.granted = 0
        self.refused: list[str] = []
        """for each refusal of a token that had been good: the one that had taken its place"""
        self._successor: dict[str, str] = {}
        self._current = ""
        self._before: tuple[str, float] = ("", 0.0)
        self._access: dict[str, float] = {}

    def issue(self) -> tuple[str, str, float]:
        """(access token, refresh token, how long it lets in): what a person gets who connects."""
        self.granted += 1
        self._before = (self._current, _now())
        access, self._current = f"access-{self.granted}", f"refresh-{self.granted}"
        self._access[access] = _now() + LIFE_S
        return access, self._current, LIFE_S

    def lets_in(self, host: str, authorization: str, now: float) -> bool:
        return host != self.host or self._access.get(authorization.removeprefix("Bearer "), 0.0) > now

    def answer(self, request: Http) -> Response:
        """To a request for new tokens."""
        shown = json.decode(request.body)["refresh_token"]
        before, since = self._before
        if shown == self._current and shown:
            access, refresh, _ = self.issue()
            self._successor[shown] = refresh
        elif self.flavour == "sticky" or (self.flavour == "grace" and shown == before and _now() - since < GRACE_S):
            access, refresh = f"access-{self.granted}", self._current
            self._access[access] = _now() + LIFE_S
        else:
            if shown in self._successor:
                self.refused.append(self._successor[shown])
            self._current = ""
            return Response(400, JSON, b'{"error":"invalid_grant"}')
        return Response(200, JSON, json.encode({"access_token": access, "refresh_token": refresh}))


def _now() -> float:
    return asyncio.get_running_loop().time()
