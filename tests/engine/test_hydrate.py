"""What comes in as an id alone is fetched, and holds up nothing but itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossdock.core.wire import Http, Response
from crossdock.engine.normalise import FETCHES
from crossdock.testing.fake_platform import BASE, FakePlatform
from crossdock.testing.stage import Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually


def on_stage(play: Callable[[Stage], Awaitable[None]], **options: Any) -> None:
    async def acts() -> None:
        async with stage(landscape(flow("put")), **options) as here:
            await play(here)

    run_virtually(acts())


def _silent_at(here: Stage, path: str, seconds: float) -> None:
    """Requests for this path are answered late."""
    answer = here.platform.exchange

    async def exchange(request: Http, deadline_s: float) -> Response:
        if request.url.endswith(path):
            await here.clock.sleep(seconds)
        return await answer(request, deadline_s)

    here.platform.exchange = exchange  # type: ignore[method-assign]


def test_a_record_that_cannot_be_fetched_yet_delays_no_other_entity() -> None:
    async def play(here: Stage) -> None:
        for name in ("slow", "quick"):
            here.platform.records[name] = {"id": name, "marker": "", "key": "", "value": name, "writes": 1}
        _silent_at(here, "/read/slow", 25.0)
        await here.send({"id": "m1", "topic": "thing.id", "about": "slow"})
        await here.clock.sleep(1.0)
        await here.send({"id": "m2", "topic": "thing.id", "about": "quick"})
        await here.send({"id": "m3", "about": "whole", "value": "came in whole"})
        await here.clock.sleep(1.0)
        assert sorted(here.platform.effects) == ["came in whole", "quick"]
        await here.settle()
        assert here.platform.effects[-1] == "slow"

    on_stage(play)


def test_what_follows_an_id_of_the_same_entity_waits_until_its_record_is_there() -> None:
    async def play(here: Stage) -> None:
        here.platform.records["t"] = {"id": "t", "marker": "", "key": "", "value": "first", "writes": 1}
        _silent_at(here, "/read/t", 25.0)
        await here.send({"id": "m0", "about": "t", "value": "before"})
        await here.send({"id": "m1", "topic": "thing.id", "about": "t"})
        await here.send({"id": "m2", "about": "t", "value": "second"})
        await here.clock.sleep(1.0)
        assert here.platform.effects == ["before"]
        await here.settle()
        assert here.platform.effects == ["before", "first", "second"]

    on_stage(play)


def test_however_many_records_are_late_few_requests_are_under_way_and_each_comes_in_once() -> None:
    names = [f"t{number}" for number in range(40)]

    async def play(here: Stage) -> None:
        for name in names:
            here.platform.records[name] = {"id": name, "marker": "", "key": "", "value": name, "writes": 1}
        here.platform.delay_s = 3.0
        for name in names:
            await here.send({"id": f"m-{name}", "topic": "thing.id", "about": name})
            await here.clock.sleep(0.1)
        reads = [request for request in here.platform.requests if "/read/" in request.url]
        assert 1 < len(reads) <= 3 * FETCHES
        await here.settle()
        assert sorted(here.platform.effects) == sorted(names)

    on_stage(play)


def test_a_hub_that_stops_while_a_record_is_fetched_reads_it_in_its_next_life(tmp_path: Path) -> None:
    platform = FakePlatform()
    platform.records["t"] = {"id": "t", "marker": "", "key": "", "value": "v", "writes": 1}

    async def first(here: Stage) -> None:
        _silent_at(here, "/read/t", 25.0)
        await here.send({"id": "m1", "topic": "thing.id", "about": "t"})
        await here.clock.sleep(1.0)

    async def second(here: Stage) -> None:
        await here.settle()
        assert platform.effects == ["v"]

    for life in (first, second):
        platform.__dict__.pop("exchange", None)
        on_stage(life, path=tmp_path / "store.db", platform=platform)


def test_reads_are_waited_for_as_long_as_their_connection_or_flow_says() -> None:
    waited: dict[str, float] = {}

    class Platform(FakePlatform):
        async def exchange(self, request: Http, deadline_s: float) -> Response:
            waited[request.url.removeprefix(BASE).split("/")[1]] = deadline_s
            return await super().exchange(request, deadline_s)

    platform = Platform()
    platform.records["t"] = {"id": "t", "marker": "", "key": "", "value": "v", "writes": 1}
    world = landscape(flow("create_and_look_up", deadline_s=3.0))
    connections = {name: replace(one, deadline_s=7.0) for name, one in world.connections.items()}

    async def acts() -> None:
        async with stage(replace(world, connections=connections), platform=platform) as here:
            await here.send({"id": "m", "topic": "thing.id", "about": "t"})
            await here.settle()

    run_virtually(acts())
    assert waited == {"read": 7.0, "find": 3.0, "create": 3.0}
