"""Where the browser comes back to after a person has agreed: a listener on this machine, for one request."""

from __future__ import annotations

import asyncio
from typing import Any, Self
from urllib.parse import parse_qsl

from crossdock.core.connector import Reply
from crossdock.core.errors import CredentialError
from crossdock.server.hooks import answer
from crossdock.server.serve import Listening, tcp_socket

PATH = "/callback"
DONE = b"<!doctype html><title>Crossdock</title><p>The hub has what it needs. You can close this page."


class Callback:
    """`listens` False: somebody else brings the callback, and nothing is opened."""

    def __init__(self, port: int, *, listens: bool = True) -> None:
        self._port = port
        self._listens = listens
        self._listening: Listening | None = None
        self._query: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    @property
    def url(self) -> str:
        """The redirect URI. `localhost`, as platforms want it registered."""
        port = self._listening.port if self._listening else self._port
        return f"http://localhost:{port}{PATH}"

    async def query(self, patience_s: float) -> dict[str, str]:
        """What the platform says. Raises CredentialError when nobody comes."""
        try:
            async with asyncio.timeout(patience_s):
                return await self._query
        except TimeoutError:
            raise CredentialError("nobody agreed in time", hint="start again: crossdock connect CONNECTION") from None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != PATH or scope["method"] != "GET":
            await answer(send, Reply(404, b"not found"))
            return
        await answer(send, Reply(200, DONE, "text/html; charset=utf-8"))
        if not self._query.done():
            self._query.set_result(dict(parse_qsl(scope["query_string"].decode("latin-1"))))

    async def __aenter__(self) -> Self:
        if self._listens:
            self._listening = Listening(self, tcp_socket("127.0.0.1", self._port), 1.0)
            await self._listening.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening is not None:
            await self._listening.stop()
