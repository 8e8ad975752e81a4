"""Wall clocks jump: what waits, waits as long as it was meant to, and nothing is sent twice or too early."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from crossdock.core.retry import RetryPolicy
from crossdock.engine.clock import SystemClock
from crossdock.stores.steady import steady_clock
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import VirtualClock, run_virtually

HOUR_S = 3600.0


class Walls:
    """The machine's two clocks, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.monotonic = 1_790_000_000.0, 50.0
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "monotonic", lambda: self.monotonic)

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.mark.parametrize("jump_s", [-48 * HOUR_S, -HOUR_S, 24 * HOUR_S, 48 * HOUR_S])
def test_g16_engine_time_and_the_stores_dates_follow_no_jump(monkeypatch: pytest.MonkeyPatch, jump_s: float) -> None:
    walls = Walls(monkeypatch)
    clock, dates = SystemClock(), steady_clock()
    began_at = clock.now()
    walls.wall += jump_s
    walls.passes(5.0)
    assert clock.now() == dates() == began_at + 5.0
    assert clock.civil() == walls.wall, "signatures and documents bear the wall's time"


def test_g16_a_wall_clock_set_back_over_a_restart_does_not_set_engine_time_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    walls = Walls(monkeypatch)
    last = SystemClock().now()
    walls.wall -= HOUR_S
    assert SystemClock(not_before=last).now() == last


def tries(platform: FakePlatform, started_at: float, jump_at: int = 0, jump_s: float = 0.0) -> Sequence[float]:
    """When each attempt at one delivery came, its destination failing until the seventh; before attempt number
    `jump_at` the wall clock jumps."""
    times: list[float] = []
    clock = VirtualClock()
    exchange = platform.exchange

    async def timed(request, deadline_s):  # type: ignore[no-untyped-def]
        times.append(round(clock.now() - started_at, 3))
        if len(times) == jump_at:
            clock.civil_offset_s += jump_s
        return await exchange(request, deadline_s)

    platform.exchange = timed  # type: ignore[method-assign]
    platform.faults["/create"] = ["refused", "lost_after", 500, "refused", 429, "html"]

    async def play() -> None:
        policy = RetryPolicy(attempts=12)
        async with stage(landscape(flow("create_with_key", retry=policy)), platform=platform, clock=clock) as here:
            await run(here)

    async def run(here: Stage) -> None:
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        assert await here.states() == {"delivered": 1}

    run_virtually(play())
    return times


@pytest.mark.parametrize("jump_s", [-48 * HOUR_S, -HOUR_S, 24 * HOUR_S, 48 * HOUR_S])
@pytest.mark.parametrize("jump_at", [1, 2, 3, 5, 6])
def test_g16_a_jump_makes_no_attempt_earlier_later_or_more(jump_at: int, jump_s: float) -> None:
    started_at = VirtualClock()._start_at
    steady = tries(FakePlatform(), started_at)
    platform = FakePlatform()
    assert tries(platform, started_at, jump_at, jump_s) == steady
    assert len(steady) == 7
    assert platform.effects == ["v"]
