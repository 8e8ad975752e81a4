"""What the log tells an operator: each change once, in words to act on, and nothing while nothing changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
import structlog

from crossdock.core.errors import CredentialError
from crossdock.core.flow import Flow
from crossdock.core.retry import RetryPolicy
from crossdock.core.states import DeliveryState
from crossdock.engine.observe import Observer
from crossdock.engine.operate import Operator
from crossdock.telemetry.metrics import Metrics
from crossdock.testing.stage import Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually

Look = Callable[[], Awaitable[None]]


def told(play: Callable[[Stage, Look], Awaitable[None]], *flows: Flow) -> list[Mapping[str, Any]]:
    """The lines, without those of other stages."""

    async def acts() -> None:
        async with stage(landscape(*flows)) as here:
            observer = Observer(here.hub, Metrics())

            async def look() -> None:
                for _ in range(3):
                    await observer.once()

            await look()
            await play(here, look)

    with structlog.testing.capture_logs() as lines:
        run_virtually(acts())
    return lines


def test_a_hub_without_trouble_says_nothing() -> None:
    async def play(here: Stage, look: Look) -> None:
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        await look()

    assert not told(play, flow("put"))


def test_what_waits_for_a_person_is_told_with_the_command_that_lists_it_and_also_that_it_is_over() -> None:
    async def play(here: Stage, look: Look) -> None:
        here.platform.faults["/create"] = [422, "lost_before"]
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        await here.send({"id": "b", "value": "v"})
        await here.send({"id": "b", "value": "w"})
        await here.settle()
        await look()
        operator = Operator(here.hub.context, "anna")
        for row in await here.deliveries():
            assert row.state in {DeliveryState.DEAD, DeliveryState.HELD}
            await operator.discard(row)
        (message,) = [m for m in await here.store.messages(connection="in") if m.state == "quarantined"]
        await operator.discard_message(message)
        await look()

    lines = told(play, flow("create_only"))
    assert [(line["log_level"], line["event"], line.get("amount"), line.get("see")) for line in lines] == [
        ("warning", "deliveries are held until a person decides", 1, "crossdock holds list"),
        ("warning", "deliveries are dead", 1, "crossdock dead-letters list"),
        ("warning", "messages are in quarantine", 1, "crossdock quarantine list"),
        ("info", "no delivery is held any more", None, None),
        ("info", "no delivery is dead any more", None, None),
        ("info", "no message is in quarantine any more", None, None),
    ]


def test_a_paused_connection_is_told_in_one_line() -> None:
    async def play(here: Stage, look: Look) -> None:
        here.hub.context.pause("out", CredentialError("the token is not set", hint="crossdock secrets set CONNECTION"))
        await look()
        here.hub.context.paused.clear()
        await look()

    paused, over = told(play, flow("put"))
    assert paused["why"] == "the token is not set; crossdock secrets set out"
    assert (over["event"], over["log_level"]) == ("a connection goes on", "info")


def test_a_destination_in_trouble_is_told_when_it_begins_and_when_it_ends() -> None:
    async def play(here: Stage, look: Look) -> None:
        here.platform.faults["/put"] = ["refused"] * 30
        for number in range(20):
            await here.send({"id": number, "value": str(number)})
        await here.clock.sleep(5.0)
        await look()
        await here.settle()
        await look()

    lines = told(play, flow("put", in_flight=4, retry=RetryPolicy(attempts=50)))
    assert lines[0]["why"] == "connection refused"
    assert [line["event"] for line in lines] == [
        "a destination does not answer well, and is tried now and then",
        "a destination is well again",
    ]


def test_a_platform_that_wants_no_calls_is_told_of_and_for_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossdock.engine.observe.HELD_OFF_S", 5.0)

    async def play(here: Stage, look: Look) -> None:
        here.platform.faults["/put"] = [429]
        await here.send({"id": 1, "value": "v"})
        await here.clock.sleep(1.0)
        await look()
        assert 5.0 < here.hub.exchanger.held_off_s("fake.example") <= 7.0
        await here.settle()
        await look()
        assert here.hub.exchanger.held_off_s("fake.example") == 0.0

    (line,) = told(play, flow("put"))
    assert (line["event"], line["connection"]) == ("a platform wants no calls for a while", "out")
    assert 5 <= line["seconds"] <= 7
