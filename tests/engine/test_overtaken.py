"""What a worker had under way when another took its place: it may be alive, and what it sent may land late."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crossdock.core.transport import STRAY_S
from crossdock.core.wire import Http, Response, Wire
from crossdock.engine.leases import LEASE_S, RENEW_S
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import VirtualClock, run_virtually

DEADLINE_S = 20.0
SURELY_OVER_S = LEASE_S + DEADLINE_S + STRAY_S


@dataclass
class Dated(FakePlatform):
    clock: VirtualClock = field(default_factory=VirtualClock)
    asked_at: list[float] = field(default_factory=list)
    """when it was asked to change something"""

    async def exchange(self, request: Wire, deadline_s: float) -> Response:
        assert isinstance(request, Http)
        if request.method == "GET":
            return self._play(request)
        self.asked_at.append(self.clock.now())
        return await super().exchange(request, deadline_s)


def life(
    folder: Path, action: str, platform: Dated, worker: str, *, cut_off: bool = False
) -> AbstractAsyncContextManager[Stage]:
    """Of a worker of the hub in `folder`. One that is `cut_off` is heard of no more, and gives nothing back."""
    world = landscape(flow(action, deadline_s=DEADLINE_S))
    path, clock = folder / "hub.db", platform.clock
    return stage(world, path=path, platform=platform, clock=clock, crash=cut_off, worker=worker)


async def begun(folder: Path, action: str, platform: Dated) -> None:
    """By a worker that is cut off a second later: to send `v` of `a`, which takes five."""
    platform.delay_s = 5.0
    async with life(folder, action, platform, "one", cut_off=True) as here:
        await here.send({"id": "a", "value": "v"})
        await platform.clock.sleep(1.0)
    assert len(platform.asked_at) == 1


def sent_again_after_s(folder: Path, action: str, worker: str) -> float:
    """By this worker, which goes on."""
    platform = Dated()

    async def lives() -> None:
        await begun(folder, action, platform)
        async with life(folder, action, platform, worker) as here:
            await here.settle()
            assert await here.states() == {"delivered": 1}

    run_virtually(lives())
    assert platform.effects == ["v"]
    return platform.asked_at[1] - platform.asked_at[0]


@pytest.mark.parametrize("action", ["put", "create_and_look_up", "batch"])
def test_g06_a_successor_waits_until_nothing_of_it_can_land_any_more(action: str, tmp_path: Path) -> None:
    assert sent_again_after_s(tmp_path, action, "two") >= SURELY_OVER_S - 1.0


def test_where_a_late_one_changes_nothing_it_is_sent_again_at_once(tmp_path: Path) -> None:
    assert sent_again_after_s(tmp_path, "create_with_key", "two") <= LEASE_S + 2 * RENEW_S


def test_a_worker_that_comes_back_under_its_name_has_ended_what_it_began(tmp_path: Path) -> None:
    """Its process is gone, and its connections with it."""
    assert sent_again_after_s(tmp_path, "put", "one") <= LEASE_S


def test_g07_meanwhile_no_other_key_waits(tmp_path: Path) -> None:
    platform = Dated()

    async def lives() -> None:
        await begun(tmp_path, "put", platform)
        platform.delay_s = 0.0
        async with life(tmp_path, "put", platform, "two") as here:
            for number in range(20):
                await here.send({"id": f"b{number}", "value": f"b{number}"})
            await here.send({"id": "a2", "about": "a", "value": "newer"})
            await platform.clock.sleep(LEASE_S + 2 * RENEW_S)
            assert sorted(platform.effects) == sorted(f"b{number}" for number in range(20))
            await here.settle()

    run_virtually(lives())
    assert platform.effects[-2:] == ["v", "newer"]


def test_where_nothing_helps_a_person_decides_when_it_is_over(tmp_path: Path) -> None:
    """Else she looks, finds nothing, sends it again, and then the first one lands."""
    platform = Dated()

    async def lives() -> None:
        await begun(tmp_path, "create_only", platform)
        async with life(tmp_path, "create_only", platform, "two") as here:
            await platform.clock.sleep(LEASE_S + DEADLINE_S)
            assert await here.states() == {"resolving": 1}
            await here.settle()
            assert await here.states() == {"held": 1}

    run_virtually(lives())
    assert len(platform.asked_at) == 1
