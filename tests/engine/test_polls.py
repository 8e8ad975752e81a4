"""A poll that fails is parked and told of; it stops nothing else, and goes on when it can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
import structlog

from crossdock.core.connector import Call, ConnectionSettings, Page, Part, Poll, Steps
from crossdock.core.errors import NotJson
from crossdock.core.flow import Connection, Landscape
from crossdock.core.wire import Http
from crossdock.engine.observe import Observer
from crossdock.server.health import Health
from crossdock.telemetry.metrics import Metrics
from crossdock.testing.fake_connector import FakeConnector
from crossdock.testing.fake_platform import BASE
from crossdock.testing.stage import Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually


class Things(Poll):
    """One thing a page, as long as `defect` lets it."""

    name = "things"
    every_s = 60.0

    def __init__(self, defect: Callable[[Any], Any] = lambda page: page) -> None:
        self.defect = defect
        self.asked_at: list[float] = []

    def read(self, cursor: Any, now: float) -> Steps[Page]:
        self.asked_at.append(now)
        number = (cursor or 0) + 1
        yield Call("things", Http("GET", f"{BASE}/find/{number}"))
        part = Part(f"poll-{number}", "thing", str(number), b'{"id":%d,"value":"polled"}' % number)
        page: Page = self.defect(Page([part], number))
        return page


def world(poll: Poll) -> Landscape:
    made = landscape(flow("create_with_key"))
    connector = FakeConnector(ConnectionSettings())
    connector.polls = {poll.name: poll}
    polled = Connection("in", connector, made.connections["in"].inlets, {poll.name: 60.0})
    return Landscape("t", "test", {**made.connections, "in": polled}, made.flows, made.models)


def on_stage(play: Callable[[Stage], Awaitable[None]], poll: Poll) -> None:
    async def acts() -> None:
        async with stage(world(poll)) as here:
            await play(here)
            assert not here.hub.context.failed

    run_virtually(acts())


def raising(error: Exception) -> Callable[[Any], Any]:
    def defect(page: Page) -> Page:
        raise error

    return defect


DEFECTS: Mapping[str, Callable[[Any], Any]] = {
    "failed: KeyError: 'updated_at'": raising(KeyError("updated_at")),
    "failed: NotJson": raising(NotJson("half a page")),
    "failed: AttributeError": lambda page: None,
    "failed: TypeError": lambda page: Page(page.parts, cursor=object()),
    "read the same page again": lambda page: Page(page.parts, cursor=None, more=True),
}


@pytest.mark.parametrize("said", DEFECTS)
def test_a_poll_whose_code_fails_is_parked_and_stops_nothing_else(said: str) -> None:
    poll = Things(DEFECTS[said])

    async def play(here: Stage) -> None:
        await here.clock.sleep(3600.0)
        assert said in here.hub.failing_polls()["in/things"]
        assert 4 <= len(poll.asked_at) <= 10
        await here.send({"id": "a", "value": "sent"})
        await here.settle()
        assert here.platform.effects == ["sent"]

        poll.defect = lambda page: page
        await here.clock.sleep(1200.0)
        assert not here.hub.failing_polls()
        assert "polled" in here.platform.effects

    on_stage(play, poll)


def test_a_poll_waits_longer_each_time_and_at_its_pace_when_it_goes_again() -> None:
    poll = Things()

    async def play(here: Stage) -> None:
        here.platform.faults["/find"] = [500] * 4
        await here.clock.sleep(600.0)
        waits = [after - before for before, after in zip(poll.asked_at, poll.asked_at[1:], strict=False)]
        assert waits[:4] == sorted(waits[:4])
        assert waits[3] > 60.0
        assert all(59.0 < wait_s < 61.0 for wait_s in waits[4:])

    on_stage(play, poll)


def test_a_wait_that_the_platform_asks_for_is_no_trouble_of_the_poll() -> None:
    poll = Things()

    async def play(here: Stage) -> None:
        here.platform.faults["/find"] = [429]
        await here.clock.sleep(5.0)
        assert not here.hub.failing_polls()
        await here.clock.sleep(5.0)
        assert len(poll.asked_at) == 2

    on_stage(play, poll)


def test_a_failing_poll_is_told_in_log_metrics_and_readiness() -> None:
    poll = Things(raising(KeyError("updated_at")))

    async def play(here: Stage) -> None:
        metrics = Metrics()
        observer = Observer(here.hub, metrics)
        health = Health(here.hub, lambda: b"")
        await here.clock.sleep(1.0)
        for _ in range(3):
            await observer.once()
        assert b'crossdock_poll_failing{connection="in",poll="things"} 1.0' in metrics.exposition()[0]
        assert health.ready().status == 200
        assert b'"failing_polls":["in/things"]' in health.ready().body
        poll.defect = lambda page: page
        await here.clock.sleep(60.0)
        await observer.once()
        assert b'crossdock_poll_failing{connection="in",poll="things"} 0.0' in metrics.exposition()[0]
        assert b'"failing_polls":[]' in health.ready().body

    with structlog.testing.capture_logs() as lines:
        on_stage(play, poll)
    told = [line for line in lines if line.get("poll") == "things"]
    assert [line["event"] for line in told] == ["a poll brings nothing in, and is tried again", "a poll is well again"]
    assert "updated_at" in told[0]["why"]
