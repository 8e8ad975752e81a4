"""The real engine on a real store, one step at a time. Between two steps it has nothing to do but wait: for an answer,
for a person, or for a time that comes only when a step lets it come."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import random
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar, cast

from crossdock.core import crash, json
from crossdock.core.connector import Inbound
from crossdock.core.delivery import Delivery
from crossdock.core.flow import Connection, Flow, Inlet, Landscape
from crossdock.core.keys import EntityKeys
from crossdock.core.retry import RetryPolicy
from crossdock.core.secret import Credential
from crossdock.core.store import Store
from crossdock.core.work import Work
from crossdock.engine.context import Context
from crossdock.engine.operate import Operator
from crossdock.engine.supervise import Hub
from crossdock.stores.postgres import PostgresStore, opening
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.chaos.life import Killed, Life, Mortal, know_lives
from crossdock.testing.chaos.speaking import ChaosConnector
from crossdock.testing.chaos.stateful.bench import Bench
from crossdock.testing.chaos.stateful.model import MOST
from crossdock.testing.chaos.world import Safe
from crossdock.testing.stage import SIGNED_WITH, AnyValue, PythonMap, Tally, thing
from crossdock.testing.virtual_clock import VirtualClock, VirtualLoop

T = TypeVar("T")
FLOWS = ("native", "lookup", "none")
BREATH_S = 0.05
"""Virtual time of a step: all that can happen at once has happened; no wait of the hub is as short."""
LATER_S = 45.0
"""Longer than a retry's wait, and than a look-up's."""
ANSWERS_S = 5.0
"""Real time for which a store may be silent before it is left to its own timers."""
KINDS = ("payloads", "messages", "events", "effects")


class Patient(VirtualLoop):
    """The time stands while a store is asked over a socket; else it jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = 0
        """calls that the store has not answered yet"""
        jump, selector = self._jumping.select, selectors.DefaultSelector.select

        def select(timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            if self.busy and timeout != 0:
                found = selector(self._jumping, ANSWERS_S)
                if found or timeout is None:
                    return found
            return jump(timeout)

        self._jumping.select = select  # type: ignore[method-assign]


class _Counted:
    """A store whose calls the loop waits for."""

    def __init__(self, inner: Any, loop: Patient) -> None:
        self._inner = inner
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def counted(*arguments: Any, **named: Any) -> Any:
            self._loop.busy += 1
            try:
                return await found(*arguments, **named)
            finally:
                self._loop.busy -= 1

        return counted


class Ground(Protocol):
    """What a machine stands on: a loop, a clock, and an empty store for each trial."""

    loop: Patient
    clock: VirtualClock
    store: Any

    def empty(self) -> None: ...
    def close(self) -> None: ...


class OnSqlite:
    def __init__(self) -> None:
        self.loop = Patient()
        self.clock = VirtualClock()
        self.store: Any = None

    def empty(self) -> None:
        self.store = SqliteStore(":memory:", executor="inline", now=self.clock.now)

    def close(self) -> None:
        self.loop.close()


class OnPostgres:
    """One store for all trials, emptied before each."""

    TABLES = (
        *("works", "heads", "lanes", "payloads", "arrivals", "messages", "events", "entities", "deliveries"),
        *("exchanges", "effects", "attempts", "cross_references", "cells", "counts", "tallies", "workers"),
    )

    def __init__(self, url: str) -> None:
        self.loop = Patient()
        self.clock = VirtualClock()
        self.store = _Counted(PostgresStore(url, now=self.clock.now, time="caller"), self.loop)
        self._url = url

    def empty(self) -> None:
        self.loop.run_until_complete(self._empty())

    async def _empty(self) -> None:
        await self.store.counts()
        self.loop.busy += 1
        connection = await opening.connect_alone(self._url)
        await connection.execute("; ".join(f"DELETE FROM {table}" for table in self.TABLES))  # noqa: S608
        await connection.close()
        self.loop.busy -= 1

    def close(self) -> None:
        self.loop.busy += 1
        self.loop.run_until_complete(self.store.close())
        self.loop.close()


class DrivenHub:
    def __init__(self, ground: Ground) -> None:
        ground.empty()
        self._ground = ground
        self.store = cast(Store, ground.store)
        self.bench = Bench()
        self.life = Life()
        self.hub: Hub | None = None
        self.kills: Counter[str] = Counter()
        self.values: dict[str, str] = {}
        """event → value, also of those that are forgotten"""
        self._vault = Safe()
        self._edition = 0
        self._do(self._connect())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._ground.loop.run_until_complete(work)

    # --- lives --------------------------------------------------------------------------------------------------

    async def _connect(self) -> None:
        know_lives()
        self.bench.renewed_at = self._ground.loop.time()
        access, refresh, _ = self.bench.tokens.issue()
        plain = Credential(account="native.example")
        ends_at = self._ground.clock.civil() + 75.0
        self._vault.held["native"] = plain.with_secrets(ends_at, access_token=access, refresh_token=refresh)
        await self._begin()

    async def _begin(self) -> None:
        self._edition += 1
        self.life = life = Life()
        still = random.Random(0)  # noqa: S311 - nothing is drawn from it that matters
        context = Context(
            cast(Any, Mortal(self.store, life, still)),
            landscape(self._edition),
            self._ground.clock,
            cast(Any, Mortal(self.bench, life, still)),
            cast(Any, Mortal(self._vault, life, still)),
            Tally(),
            random.Random(self._edition).random,  # noqa: S311
        )
        self.hub = Hub(context)
        await life.run(self.hub.start())
        await asyncio.sleep(BREATH_S)

    async def _end(self, *, lands: bool) -> None:
        await self.life.end()
        await self.store.apply(Work(f"barrier/{self._edition}"))
        self.bench.cut(lands=lands)

    def dies(self, *, lands: bool) -> None:
        """At a moment at which it has nothing to do, and begins anew."""
        self.kills["moment"] += 1

        async def work() -> None:
            await self._end(lands=lands)
            await self._begin()

        self._do(work())

    def step(self, work: Callable[[Hub], Coroutine[Any, Any, T]], *, lands: bool, seconds: float = BREATH_S) -> str:
        """Does it and lets the hub come to rest. The crash point, where it died meanwhile: then it has begun anew."""

        async def whole() -> str:
            assert self.hub is not None
            with contextlib.suppress(Killed):
                await self.life.run(work(self.hub))
            if not self.life.died_at:
                dead = asyncio.create_task(self.life.dead.wait())
                await asyncio.wait({dead}, timeout=seconds)
                dead.cancel()
            died_at = self.life.died_at
            if died_at:
                self.kills[died_at] += 1
                await self._end(lands=lands)
                await self._begin()
            if self.hub.context.failed:
                raise self.hub.context.failed[0]
            return died_at

        return self._do(whole())

    def close(self) -> None:
        async def work() -> None:
            await self.life.end()
            crash.watch(None)

        self._do(work())

    # --- what is asked of it ------------------------------------------------------------------------------------

    @staticmethod
    async def post(hub: Hub, body: Mapping[str, Any]) -> int:
        request = Inbound("POST", "https://hub.example/hooks/in", {"x-secret": SIGNED_WITH}, json.encode(body))
        return (await hub.receiver.receive("in", request)).status

    @staticmethod
    def operator(hub: Hub) -> Operator:
        return Operator(hub.context, "a person")

    def now(self) -> float:
        return self._ground.loop.time()

    def ask(self, question: Coroutine[Any, Any, T]) -> T:
        """Of the store, beside the hub."""
        return self._do(question)

    async def rows(self) -> list[tuple[Delivery, str]]:
        """Every delivery with the value of its event."""
        rows = list(await self.store.deliveries())
        unread = sorted({row.event_id for row in rows} - self.values.keys())
        if unread:
            for event in await self.store.events(unread):
                self.values[event.id] = str(json.decode(event.data)["value"])
        return [(row, self.values.get(row.event_id, "?")) for row in rows]

    async def expire(self) -> None:
        """Whatever is settled is as old as it needs to be."""
        now = self._ground.clock.now() + 1.0
        while any((await self.store.prune(dict.fromkeys(KINDS, now), 1000)).values()):
            pass


def landscape(edition: int) -> Landscape:
    """A flow for each class; the maps are those of the edition."""
    inlet = Inlet("thing", PythonMap(thing), EntityKeys("in"))
    connections = {"in": Connection("in", ChaosConnector(), {"thing": inlet})}
    flows = {}
    for name in FLOWS:
        connector = ChaosConnector(name)
        connections[name] = Connection(name, connector)
        flows[name] = Flow(
            name,
            frozenset({"thing.created", "thing.updated"}),
            name,
            connector.actions[name],
            map=PythonMap(lambda data: {"value": data["value"], "edition": edition}),
            retry=RetryPolicy(attempts=MOST, first_delay_s=8.0, max_delay_s=16.0),
            begin="beginning",
            deadline_s=1e9,
        )
    return Landscape("steps", "test", connections, flows, {"thing": AnyValue()})
