"""A simulator on a loopback port, and the smallest engine that can speak with it: it signs, sends, judges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from crossdock.core.connector import Action, Call, Connector, Outbound, Pause, Receipt, Steps
from crossdock.core.secret import Credential
from crossdock.core.verdict import Done, Items, NotDone, Verdict
from crossdock.core.wire import Http, Response
from crossdock.sandbox.catalogue import make
from crossdock.sandbox.serve import serve
from crossdock.sandbox.simulator import Simulator


class Stopped(Exception):
    """A verdict that an engine would not hand to the steps."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


@dataclass
class Live:
    """`revise` follows NotDone(stale) with the next revision, as an engine does."""

    simulator: Simulator
    connector: Connector
    credential: Credential
    session: aiohttp.ClientSession
    sent: list[Call] = field(default_factory=list)

    async def run(self, steps: Steps[Any]) -> Any:
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as stop:
                return stop.value
            if isinstance(step, Pause):
                answer = None
                continue
            self.sent.append(step)
            verdict = await self.ask(step)
            if not isinstance(verdict, Done | Items):
                raise Stopped(verdict)
            answer = verdict

    async def ask(self, call: Call) -> Verdict:
        unsigned = call.step in {"refresh", "redeem"}
        request = call.request if unsigned else self.connector.sign(call.request, self.credential, 0.0, "n")
        return self.connector.judge(call, await self.exchange(request), 0.0)

    async def exchange(self, request: Http) -> Response:
        async with self.session.request(
            request.method, request.url, headers=dict(request.headers), data=request.body, allow_redirects=False
        ) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status, headers, await answer.read())

    async def do(self, action: Action, item: Outbound) -> Receipt:
        """Finds first where nothing is linked, then performs, with a new revision where the platform says stale."""
        if action.finds and action.match and not item.remote_id:
            found = await self.run(action.find(item))
            if found is not None:
                assert found.certain, found
                item = replace(item, remote_id=found.receipt.remote_id, remote_version=found.receipt.version)
        while True:
            try:
                receipts = await self.run(action.perform([item]))
            except Stopped as stopped:
                if not (isinstance(stopped.verdict, NotDone) and stopped.verdict.stale) or item.revision > 3:
                    raise
                item = replace(item, revision=item.revision + 1)
                continue
            receipt: Receipt = receipts[item.id]
            return receipt


StartLive = Callable[..., Awaitable[Live]]


@pytest.fixture
async def start_live() -> AsyncIterator[StartLive]:
    """`await start_live(name, build, seed_data)`: `build(simulator)` gives the connector and its credential."""
    closers: list[Callable[[], Awaitable[None]]] = []
    session = aiohttp.ClientSession()

    async def start(
        name: str, build: Callable[[Simulator], tuple[Connector, Credential]], seed: dict[str, Any] | None = None
    ) -> Live:
        simulator = make(name, seed=7)
        (served,) = await serve([simulator])
        closers.append(served.close)
        if seed:
            simulator.seed(seed)
        connector, credential = build(simulator)
        return Live(simulator, connector, credential, session)

    yield start
    await session.close()
    for close in closers:
        await close()
