"""What code that fails, or a store that has lost something, must not take with it: the hub, or anybody else's work."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
import structlog

from crossdock.core.connector import ConnectionSettings
from crossdock.core.errors import ForAPerson, NotJson
from crossdock.core.event import Event
from crossdock.core.flow import Flow
from crossdock.core.states import DeliveryState
from crossdock.testing.fake_connector import CreateAndLookUp, CreateOnly, FakeConnector
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually


def on_stage(play: Callable[[Stage], Awaitable[None]], *flows: Flow, platform: FakePlatform | None = None) -> None:
    async def acts() -> None:
        async with stage(landscape(*flows), platform=platform) as here:
            await play(here)

    run_virtually(acts())


class Picky(CreateOnly):
    name = "picky"

    def request(self, item: Any) -> Any:
        match item.input["value"]:
            case "unsendable":
                raise ForAPerson("the platform takes no such colour; change it there, or here")
            case "number":
                int("four")
        return super().request(item)


class Forgetful(CreateAndLookUp):
    name = "forgetful"

    def find(self, item: Any) -> Any:
        raise NotJson("what was found is not JSON")
        yield


def connector(*actions: Any) -> FakeConnector:
    made = FakeConnector(ConnectionSettings())
    made.actions.update({action.name: action() for action in actions})
    return made


def test_what_a_person_must_decide_is_told_apart_from_a_defect() -> None:
    async def play(here: Stage) -> None:
        await here.send(
            {"id": "a", "value": "unsendable"}, {"id": "b", "value": "number"}, {"id": "c", "value": "good"}
        )
        await here.settle()
        rows = {row.key: row for row in await here.deliveries()}
        assert rows["in:a"].reason == "the platform takes no such colour; change it there, or here"
        assert rows["in:b"].reason.startswith("the connector's code for picky failed: ValueError")
        assert [rows[key].state for key in ("in:a", "in:b", "in:c")] == ["held", "held", "delivered"]

    on_stage(play, flow("picky", connector=connector(Picky)))


def test_a_find_that_stumbles_over_an_answer_holds_its_delivery_and_stops_no_other() -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        (row,) = await here.deliveries()
        assert row.state is DeliveryState.HELD
        assert "forgetful's find failed" in row.reason

    on_stage(play, flow("forgetful", connector=connector(Forgetful)))


@pytest.mark.parametrize(("fault", "state"), [("refused", "dead"), ("lost_after", "held")])
def test_a_delivery_whose_event_is_lost_waits_for_a_person_and_stops_no_other(fault: str, state: str) -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = [fault]
        await here.send({"id": "a", "value": "v"})
        await here.clock.sleep(0.25)
        events = here.store.events

        async def lossy(ids: Sequence[str] = (), *, key: str = "", limit: int = 1000) -> Sequence[Event]:
            return [event for event in await events(ids, key=key, limit=limit) if event.key != "in:a"]

        here.store.events = lossy  # type: ignore[method-assign]
        await here.send({"id": "b", "value": "w"})
        await here.settle()
        rows = {row.key: row for row in await here.deliveries()}
        assert rows["in:a"].state == state
        assert "is not in the store any more" in rows["in:a"].reason
        assert rows["in:b"].state is DeliveryState.DELIVERED

    on_stage(play, flow("create_with_key"))


def test_that_nothing_is_learned_from_answers_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def learn(self: FakeConnector, call: Any, response: Any) -> Any:
        raise KeyError("throttleStatus")

    monkeypatch.setattr(FakeConnector, "learn", learn)

    async def play(here: Stage) -> None:
        await here.send(*({"id": number, "value": "v"} for number in range(5)))
        await here.settle()
        assert await here.states() == {"delivered": 5}

    with structlog.testing.capture_logs() as lines:
        on_stage(play, flow("create_with_key"))
    (line,) = lines
    assert line["connection"] == "out"
    assert "learn failed: KeyError: 'throttleStatus'" in line["why"]


@pytest.mark.parametrize(
    "want",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        RuntimeError("Failed to spawn tokio runtime thread: Resource temporarily unavailable (os error 11)"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_want_of_memory_is_no_defect_it_ends_the_hub_and_the_delivery_stays_as_it_was(want: Exception) -> None:
    class Short(CreateOnly):
        name = "short"

        def request(self, item: Any) -> Any:
            raise want

    async def play(here: Stage) -> None:
        await here.send({"id": "a", "value": "v"})
        await here.clock.sleep(1.0)
        assert isinstance(here.hub.context.failed[0], MemoryError)
        assert await here.states() == {"waiting": 1}
        here.hub.context.failed.clear()

    on_stage(play, flow("short", connector=connector(Short)))


FIRST_REQUEST = """
import asyncio, resource
from pathlib import Path
from crossdock.core.wire import Http
from crossdock.engine.bugs import bug_in
from crossdock.transports.egress import EgressGuard
from crossdock.transports.http import HttpTransport

async def ask():
    transport = HttpTransport(guard=EgressGuard(allow=["127.0.0.1:9"]))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 1_000_000, resource.RLIM_INFINITY))
    try:
        await transport.exchange(Http("GET", "http://127.0.0.1:9/", ()), 5.0)
    except Exception as error:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        try:
            print(type(error).__name__, "is a defect:", bug_in("a request"))
        except MemoryError:
            print(type(error).__name__, "is want of memory")

asyncio.run(ask())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, to limit a process")
def test_a_client_that_finds_no_memory_for_its_thread_at_its_first_request_is_no_defect() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_REQUEST], capture_output=True, text=True, check=False)
    assert done.stdout == "RuntimeError is want of memory\n", done.stderr
