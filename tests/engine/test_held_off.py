"""A platform that wants no calls for a long while is given that; nothing hangs on it meanwhile."""

from __future__ import annotations

from math import inf
from pathlib import Path

from crossdock.core.effects import EffectClass
from crossdock.core.flow import Landscape
from crossdock.core.limits import Limit
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import VirtualClock, run_virtually

LONG_S = 900


def two_at_once(*actions: str) -> Landscape:
    world = landscape(*(flow(action) for action in actions))
    world.connections["out"].connector.limits = [Limit("requests", 1, inf, concurrency=2)]
    return world


async def send_ten(here: Stage) -> None:
    await here.send(*({"id": number, "value": f"v{number}"} for number in range(10)))


def test_what_waits_at_the_gate_says_until_when_and_is_not_called_sending() -> None:
    async def play() -> None:
        platform = FakePlatform(delay_s=0.5, retry_after_s=LONG_S)
        platform.faults["/create"] = [429, 429]
        async with stage(two_at_once("create_with_key"), platform=platform) as here:
            await send_ten(here)
            await here.clock.sleep(1.5)
            rows = await here.deliveries()
            assert {str(row.state) for row in rows} == {"retrying"}
            until = here.clock.now() - 1.5 + LONG_S
            assert all(row.due_at >= until for row in rows)
            kept_back = [row for row in rows if row.reason.startswith("not sent yet: the platform wants no calls")]
            assert len(kept_back) == 8
            assert len(platform.requests) == 2
            await here.settle()
            assert await here.states() == {"delivered": 10}
            assert sorted(platform.effects) == sorted(f"v{number}" for number in range(10))

    run_virtually(play())


def test_what_comes_in_meanwhile_is_not_begun() -> None:
    async def play() -> None:
        platform = FakePlatform(retry_after_s=LONG_S)
        platform.faults["/create"] = [429]
        async with stage(landscape(flow("create_with_key")), platform=platform) as here:
            await here.send({"id": "a", "value": "first"})
            await here.clock.sleep(5)
            await here.send({"id": "b", "value": "second"})
            await here.clock.sleep(60)
            assert await here.states() == {"retrying": 1, "waiting": 1}
            assert len(platform.requests) == 1
            await here.settle()
            assert await here.states() == {"delivered": 2}

    run_virtually(play())


def test_a_hub_that_stops_waits_for_nobody_at_the_gate_and_leaves_no_doubt_behind(tmp_path: Path) -> None:
    """An action whose unknown outcome only a person can settle: what never went must not come to that."""
    platform, clock = FakePlatform(delay_s=1.0), VirtualClock()
    world = two_at_once("create_only")
    assert world.flows["create_only"].action.effects == (EffectClass.NONE,)

    async def lives() -> None:
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock) as here:
            await send_ten(here)
            await clock.sleep(0.5)
            assert await here.states() == {"sending": 10}
            began_at = clock.now()
            await here.hub.stop()
            assert clock.now() - began_at <= 1.0
            assert await here.states() == {"delivered": 2, "retrying": 8}
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock) as here:
            await here.settle()
            assert await here.states() == {"delivered": 10}

    run_virtually(lives())


def test_a_hub_that_stops_does_not_sit_out_a_long_wait(tmp_path: Path) -> None:
    platform, clock = FakePlatform(retry_after_s=LONG_S), VirtualClock()
    world = landscape(flow("create_with_key"))

    async def lives() -> None:
        platform.faults["/create"] = [429]
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock) as here:
            await send_ten(here)
            await clock.sleep(5.0)
            began_at = clock.now()
            await here.hub.stop()
            assert clock.now() == began_at

    run_virtually(lives())


def test_the_wish_for_no_calls_outlives_a_kill_of_the_hub(tmp_path: Path) -> None:
    platform, clock = FakePlatform(retry_after_s=LONG_S), VirtualClock()
    world = landscape(flow("create_with_key"))

    async def lives() -> None:
        platform.faults["/create"] = [429]
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock, crash=True) as here:
            await here.send({"id": "a", "value": "first"})
            await clock.sleep(1.0)
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock) as here:
            await here.send({"id": "b", "value": "second"})
            await clock.sleep(600.0)
            assert len(platform.requests) == 1
            assert 0 < here.hub.exchanger.held_off_s("fake.example") < LONG_S - 600
            await here.settle()
            assert sorted(platform.effects) == ["first", "second"]

    run_virtually(lives())


def test_what_was_kept_back_is_no_try() -> None:
    async def play() -> None:
        platform = FakePlatform(delay_s=0.5, retry_after_s=LONG_S)
        platform.faults["/create"] = [429, 429]
        async with stage(two_at_once("create_with_key"), platform=platform) as here:
            await send_ten(here)
            await here.settle()
            journal = await here.store.exchanges([row.id for row in await here.deliveries()])
            tries = await here.store.attempts([exchange.id for exchange in journal])
            assert len(tries) == len(platform.requests) == 12
            assert sorted(exchange.attempts for exchange in journal) == [1] * 8 + [2] * 2

    run_virtually(play())
