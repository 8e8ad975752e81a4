"""A whole hub in one process and in virtual time: inline SQLite, the fake platform, maps written in Python."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from crossdock.core import json
from crossdock.core.connector import ConnectionSettings, Connector, Inbound, Reply
from crossdock.core.delivery import Delivery
from crossdock.core.flow import Connection, Flow, Inlet, Landscape, Need
from crossdock.core.keys import EntityKeys
from crossdock.core.retry import RetryPolicy
from crossdock.core.secret import Credential, Secret
from crossdock.core.states import SETTLED, DeliveryState
from crossdock.core.transport import Transport
from crossdock.engine.context import Context
from crossdock.engine.supervise import Hub
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.fake_connector import FakeConnector
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.virtual_clock import VirtualClock

SIGNED_WITH = "correct horse"


@dataclass(frozen=True, slots=True)
class PythonMap:
    """A map for tests. Return one output, or a list of outputs wrapped in `Outputs`."""

    function: Callable[..., Any]

    def run(self, value: Any, *, now: float = 0.0, **variables: Any) -> Sequence[Any]:
        made = self.function(value)
        return made if isinstance(made, Outputs) else [made]


class Outputs(list[Any]):
    """Several outputs, or none."""


class AnyValue:
    def canonical(self, data: Any) -> Any:
        return data

    def problems(self, value: Any) -> Sequence[str]:
        return ["value: is missing"] if isinstance(value, dict) and "invalid" in value else ()


@dataclass
class Tally:
    """Metrics, as counters to look at."""

    seen: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def accepted(self, connection: str, amount: int) -> None:
        self.seen["accepted", connection] += amount

    def rejected(self, connection: str, reason: str) -> None:
        self.seen["rejected", connection, reason] += 1

    def received(self, connection: str, seconds: float) -> None:
        self.seen["received", connection] += 1

    def quarantined(self, connection: str, amount: int) -> None:
        self.seen["quarantined", connection] += amount

    def delivered(self, flow: str, amount: int, seconds: float) -> None:
        self.seen["delivered", flow] += amount

    def failed(self, flow: str, kind: str) -> None:
        self.seen["failed", flow, kind] += 1

    def retried(self, flow: str) -> None:
        self.seen["retried", flow] += 1

    def exchange(self, connection: str, outcome: str, seconds: float) -> None:
        self.seen["exchange", connection, outcome] += 1


@dataclass
class OpenVault:
    """Credentials in the clear, for tests."""

    held: dict[str, Credential] = field(default_factory=dict)

    async def credential(self, connection: str) -> Credential:
        account = "in.example" if connection == "in" else "fake.example"
        return self.held.get(connection, Credential({"webhook_secret": Secret(SIGNED_WITH)}, account=account))

    async def put_credential(self, connection: str, credential: Credential, since: Credential | None = None) -> None:
        self.held[connection] = credential


def thing(item: Mapping[str, Any]) -> Any:
    """The fake platform's items as `thing` events."""
    about = str(item.get("about", item["id"]))
    verb, version = str(item.get("verb", "created")), str(item.get("version", ""))
    return {"model": "thing", "verb": verb, "id": about, "version": version, "data": dict(item)}


def flow(action: str, *, name: str = "", connector: Connector | None = None, **options: Any) -> Flow:
    """A flow from `in` to `out`; retries after exactly 2, 4, 8 … s but for jitter."""
    fake = connector or FakeConnector(ConnectionSettings())
    options.setdefault("retry", RetryPolicy(attempts=6))
    options.setdefault("begin", "beginning")
    on = options.pop("on", {"thing.created", "thing.updated"})
    return Flow(name or action, frozenset(on), options.pop("to", "out"), fake.actions[action], **options)


def need(
    model: str, key: Callable[[Any], Any], within_s: float = 900.0, then: Literal["hold", "fetch"] = "hold"
) -> Need:
    return Need(model, model, PythonMap(key), within_s, then)


def landscape(*flows: Flow, inbound: Callable[..., Any] = thing) -> Landscape:
    connections: dict[str, Connection] = {}
    for name in ("in", "out"):
        inlets = {
            topic: Inlet(topic, PythonMap(inbound), EntityKeys(name)) for topic in ("thing", "thing.id", "record")
        }
        connections[name] = Connection(name, FakeConnector(ConnectionSettings()), inlets)
    return Landscape("stage", "test", connections, {one.name: one for one in flows}, {"thing": AnyValue()})


class Stage:
    """What a test sees of a running hub."""

    def __init__(self, hub: Hub, platform: FakePlatform, tally: Tally, clock: VirtualClock) -> None:
        self.hub = hub
        self.platform = platform
        self.tally = tally
        self.clock = clock
        self.store = hub.context.store

    async def send(self, *items: Mapping[str, Any], secret: str = SIGNED_WITH, connection: str = "in") -> Reply:
        """One webhook request with these items (topic `thing` unless they say otherwise)."""
        said = [{"topic": "thing", **item} for item in items]
        body = json.encode(said[0] if len(said) == 1 else said)
        request = Inbound("POST", f"https://hub.example/hooks/{connection}", {"x-secret": secret}, body)
        return await self.hub.receiver.receive(connection, request)

    async def deliveries(self, flow: str = "") -> Sequence[Delivery]:
        return await self.store.deliveries(flow=flow)

    async def states(self, flow: str = "") -> Counter[str]:
        return Counter(str(row.state) for row in await self.deliveries(flow))

    async def settle(self, within_s: float = 3600.0, *, rest: frozenset[DeliveryState] | None = None) -> None:
        """Lets virtual time pass until every event is planned and every delivery settled (or in one of `rest`)."""
        at_rest = SETTLED | (rest or frozenset({DeliveryState.DEAD, DeliveryState.HELD}))
        deadline = self.clock.now() + within_s
        while self.clock.now() < deadline:
            await self.clock.sleep(0.25)
            if self.hub.context.failed:
                raise self.hub.context.failed[0]
            if await self._read_to_the_end() and all(row.state in at_rest for row in await self.deliveries()):
                return
        raise AssertionError(f"not settled after {within_s} s: {await self.states()}")

    async def _read_to_the_end(self) -> bool:
        leases = self.hub.leases
        readers = [one.lanes for one in self.hub.normalisers.values()]
        for lanes in (*readers, *(one.lanes for one in self.hub.planners.values())):
            heads = await self.store.heads(lanes[0].stream)
            positions = leases.positions(lanes)
            if any(positions.get(lane, 0) < heads[lane.partition] for lane in lanes):
                return False
        return True


@asynccontextmanager
async def stage(
    world: Landscape,
    *,
    path: Path | None = None,
    platform: FakePlatform | None = None,
    transport: Transport | None = None,
    clock: VirtualClock | None = None,
    seed: int = 1,
    crash: bool = False,
    worker: str = "hub",
) -> AsyncIterator[Stage]:
    """A started hub. With a `path` the store outlives the block, so a test can start the next life of the hub (under
    the name of another `worker`: what takes its place); with `crash` it ends like a killed process: whatever was under
    way stops where it is."""
    clock = clock or VirtualClock()
    store = SqliteStore(path or ":memory:", executor="inline", now=clock.now)
    platform = platform or FakePlatform()
    platform.sleep = clock.sleep
    tally = Tally()
    context = Context(
        store, world, clock, transport or platform, OpenVault(), tally, random.Random(seed).random, worker  # noqa: S311
    )  # fmt: skip
    hub = Hub(context)
    try:
        await hub.start()
    except BaseException:
        await store.close()
        raise
    try:
        yield Stage(hub, platform, tally, clock)
    finally:
        if crash:
            await _kill_all_but_me()
        else:
            await hub.stop()
        await store.close()


async def _kill_all_but_me() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
