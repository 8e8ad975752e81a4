"""Poison: one map's output, one record or one answer that nobody foresaw ends by itself; all others go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from crossdock.core.connector import Call, ConnectionSettings, Hydrate, Limit, Steps
from crossdock.core.flow import Connection, Flow, Landscape
from crossdock.core.verdict import Done
from crossdock.core.wire import Http, Response
from crossdock.testing.fake_connector import CreateOnly, FakeConnector
from crossdock.testing.fake_platform import BASE, FakePlatform
from crossdock.testing.stage import Outputs, PythonMap, Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually


def on_stage(play: Callable[[Stage], Awaitable[None]], world: Landscape, platform: FakePlatform | None = None) -> None:
    async def acts() -> None:
        async with stage(world, platform=platform) as here:
            await play(here)
            assert not here.hub.context.failed

    run_virtually(acts())


EACH = {
    "no item": [{"input": {"value": "x"}}],
    "no input": [{"item": "a"}],
    "a text": ["input"],
    "nothing": [None],
    "a list": [["item", "input"]],
    "an item of null": [{"item": None, "input": {"value": "x"}}],
    "an empty item": [{"item": "", "input": {"value": "x"}}],
    "an object for an item": [{"item": {}, "input": {"value": "x"}}],
    "one item twice": [{"item": "a", "input": {"value": "x"}}, {"item": "a", "input": {"value": "y"}}],
    "one item twice, as a number": [{"item": 1, "input": {"value": "x"}}, {"item": "1", "input": {"value": "y"}}],
}


@pytest.mark.parametrize("what", EACH)
def test_whatever_a_map_of_many_makes_is_dead_before_anything_is_sent(what: str) -> None:
    def made(data: Any) -> Any:
        return Outputs(EACH[what]) if data["value"] == "bad" else Outputs([{"item": "i", "input": data}])

    async def play(here: Stage) -> None:
        await here.send({"id": "a", "value": "bad"}, {"id": "b", "value": "good"})
        await here.settle()
        rows = {row.key: row for row in await here.deliveries()}
        assert rows["in:a"].state == "dead"
        assert rows["in:a"].reason.startswith("map: ")
        assert here.platform.effects == ["good"]

    on_stage(play, landscape(flow("put", each=True, map=PythonMap(made))))


class Absurd(CreateOnly):
    """What it makes of an answer is what `made` says."""

    name = "absurd"

    def __init__(self, made: Any) -> None:
        self.made = made

    def perform(self, items: Any) -> Any:
        receipts = yield from super().perform(items)
        return self.made if items[0].input["value"] == "bad" else receipts


class Unwritable(FakeConnector):
    def judge(self, call: Call, response: Response, now: float) -> Any:
        return Done(object()) if b'"bad"' in call.request.body else super().judge(call, response, now)


class Everything(dict[str, Any]):
    """Knows every item, and nothing of it."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> Any:
        return None


def absurd(made: Any) -> Flow:
    connector = FakeConnector(ConnectionSettings())
    connector.actions["absurd"] = Absurd(made)
    return flow("absurd", connector=connector)


def unwritable() -> Landscape:
    made = landscape(flow("create_only"))
    connections = {**made.connections, "out": Connection("out", Unwritable(ConnectionSettings()))}
    return Landscape("t", "test", connections, made.flows, made.models)


@pytest.mark.parametrize(
    "world", [lambda: landscape(absurd(None)), lambda: landscape(absurd(Everything())), unwritable]
)
def test_what_a_connector_makes_of_an_answer_holds_its_delivery_at_worst(world: Callable[[], Landscape]) -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": "a", "value": "bad"}, {"id": "b", "value": "good"})
        await here.settle()
        rows = {row.key: row for row in await here.deliveries()}
        assert (rows["in:a"].state, rows["in:b"].state) == ("held", "delivered")
        assert sorted(here.platform.effects) == ["bad", "good"]
        journal = await here.store.exchanges([rows["in:a"].id])
        assert {exchange.state for exchange in journal} == {"unknown"}

    on_stage(play, world())


class ReadMany(Hydrate):
    name = "thing"
    batch_size = 10

    def fetch(self, parts: Mapping[str, str]) -> Steps[Mapping[str, Any]]:
        done = yield Call("read", Http("GET", f"{BASE}/many/{','.join(parts.values())}"))
        return {part: done.answer[remote_id] for part, remote_id in parts.items()}


class Spoilt(FakePlatform):
    """Reads many records at once; with the one that it stumbles over among them, none."""

    def _play(self, request: Http) -> Response:
        asked = request.url.removeprefix(f"{BASE}/many/")
        if asked == request.url:
            return super()._play(request)
        if "0" in asked.split(","):
            return Response(500, {}, b"{}")
        return self._ok({one: {"id": one, "value": one} for one in asked.split(",")})


def test_a_record_that_its_platform_stumbles_over_is_quarantined_and_its_neighbours_are_not() -> None:
    world = landscape(flow("put"))
    world.connections["in"].connector.hydrates["thing"] = ReadMany()  # type: ignore[index]

    async def play(here: Stage) -> None:
        await here.send(*({"id": n, "topic": "thing.id", "about": str(n)} for n in range(60)))
        for n in range(60, 100):
            await here.send({"id": n, "topic": "thing.id", "about": str(n)})
            await here.clock.sleep(60.0)
        await here.settle()
        assert await here.states() == {"delivered": 99}
        (message,) = [m for m in await here.store.messages(connection="in") if m.state == "quarantined"]
        assert message.remote_id == "0"
        assert "could not be read in 30 attempts" in message.reason

    on_stage(play, world, Spoilt())


def test_records_of_a_platform_that_is_down_are_waited_for() -> None:
    async def play(here: Stage) -> None:
        here.platform.records.update({str(n): {"id": str(n), "value": str(n)} for n in range(20)})
        here.platform.faults["/read"] = ["refused"] * 1500
        await here.send(*({"id": n, "topic": "thing.id", "about": str(n)} for n in range(20)))
        await here.settle(within_s=6 * 3600.0)
        assert await here.states() == {"delivered": 20}

    on_stage(play, landscape(flow("put")))


READS = {
    "returns nothing": lambda: (yield Call("read", Http("GET", f"{BASE}/find/x"))),
    "asks for nothing": lambda: (yield None),
    "costs no number": lambda: (yield Call("read", Http("GET", f"{BASE}/find/x"), cost={"requests": "one"})),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("what", READS)
def test_whatever_a_hydrate_does_quarantines_its_message_at_worst(what: str) -> None:
    class Absurdly(Hydrate):
        name = "thing"

        def fetch(self, parts: Mapping[str, str]) -> Any:
            yield from READS[what]()

    made = landscape(flow("put"))
    limited = FakeConnector(ConnectionSettings())
    limited.limits = [Limit("requests", 100.0, 10.0)]
    limited.hydrates = {"thing": Absurdly()}
    connections = {**made.connections, "in": Connection("in", limited, made.connections["in"].inlets)}

    async def play(here: Stage) -> None:
        await here.send({"id": "a", "topic": "thing.id", "about": "1"}, {"id": "b", "value": "good"})
        await here.settle()
        assert await here.states() == {"delivered": 1}
        (message,) = [m for m in await here.store.messages(connection="in") if m.state == "quarantined"]
        assert "the connector's code for" in message.reason

    on_stage(play, Landscape("t", "test", connections, made.flows, made.models))
