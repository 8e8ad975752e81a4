"""The admin door of one simulator, as the demo uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp

from crossdock.cli.demo.children import Child
from crossdock.core import json
from crossdock.core.errors import CrossdockError

TIMEOUT_S = 30.0


class Desk:
    """`line` is what `crossdock sandbox --json` printed about the simulator, `child` the process that printed it."""

    def __init__(self, line: Mapping[str, Any], child: Child, session: aiohttp.ClientSession) -> None:
        self._child = child
        self.name: str = line["name"]
        self.url: str = line["url"]
        self.admin: str = line["admin"]
        self.credentials: Mapping[str, str] = line["credentials"]
        self._session = session

    async def seed(self, data: Mapping[str, Any]) -> Any:
        """Records that have always been there: nobody is told."""
        return await self._ask("POST", "/seed", data)

    async def happen(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """Things happen in the shop, and its webhooks tell."""
        await self._ask("POST", "/webhooks/send", {"changes": list(changes)})

    async def send_webhooks_to(self, url: str, *, duplicates: float, shuffle_s: float) -> None:
        """`shuffle_s` in simulated seconds."""
        await self._ask("POST", "/webhooks", {"url": url, "duplicates": duplicates, "shuffle_s": shuffle_s})

    async def go_wrong(self, script: Mapping[str, Any]) -> None:
        """An empty script ends the faults."""
        await self._ask("POST", "/faults", script)

    async def list(self, kind: str) -> Sequence[Mapping[str, Any]]:
        rows: Sequence[Mapping[str, Any]] = await self._ask("GET", f"/list/{kind}")
        return rows

    async def stats(self) -> Mapping[str, Any]:
        counts: Mapping[str, Any] = await self._ask("GET", "/stats")
        return counts

    async def _ask(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        body = json.encode(data) if data is not None else None
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with self._session.request(method, self.admin + path, data=body, timeout=timeout) as answer:
                said = json.decode(await answer.read())
        except (aiohttp.ClientError, TimeoutError):
            raise await self._child.silent() from None
        if answer.status != 200:
            raise CrossdockError(f"the {self.name} simulator refused {path}: {said.get('error', answer.status)}")
        return said
