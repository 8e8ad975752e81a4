"""What a worker had under way when another took its place: it may be alive, and what it sent may land late."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crossdock.core.states import DeliveryState
from crossdock.core.transport import STRAY_S
from crossdock.core.wire import Http, Response, Wire
from crossdock.engine.leases import LEASE_S, RENEW_S
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import flow, landscape, stage
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


async def cut_off(folder: Path, action: str, platform: Dated) -> None:
    """A worker that is heard of no more, a second after it began to send `v` of `a`."""
    world = landscape(flow(action, deadline_s=DEADLINE_S))
    path, clock = folder / "hub.db", platform.clock
    async with stage(world, path=path, platform=platform, clock=clock, crash=True, worker="one") as here:
        await here.send({"id": "a", "value": "v"})
        await clock.sleep(1.0)
    assert len(platform.asked_at) == 1


@pytest.mark.parametrize("action", ["put", "create_and_look_up", "batch"])
def test_g06_a_successor_waits_until_nothing_of_it_can_land_any_more(action: str, tmp_path: Path) -> None:
    platform = Dated(delay_s=5.0)
    world = landscape(flow(action, deadline_s=DEADLINE_S))

    async def lives() -> None:
        await cut_off(tmp_path, action, platform)
        async with stage(
            world, path=tmp_path / "hub.db", platform=platform, clock=platform.clock, worker="two"
        ) as here:
            await here.settle()
            assert await here.states() == {"delivered": 1}

    run_virtually(lives())
    assert platform.asked_at[1] - platform.asked_at[0] >= SURELY_OVER_S - 1.0
    assert platform.effects == ["v"]


def test_where_a_late_one_changes_nothing_it_is_sent_again_at_once(tmp_path: Path) -> None:
    platform = Dated(delay_s=5.0)
    world = landscape(flow("create_with_key", deadline_s=DEADLINE_S))

    async def lives() -> None:
        await cut_off(tmp_path, "create_with_key", platform)
        async with stage(
            world, path=tmp_path / "hub.db", platform=platform, clock=platform.clock, worker="two"
        ) as here:
            await here.settle()

    run_virtually(lives())
    assert platform.asked_at[1] - platform.asked_at[0] <= LEASE_S + 2 * RENEW_S


def test_g07_meanwhile_no_other_key_waits(tmp_path: Path) -> None:
    platform = Dated(delay_s=0.5)
    world = landscape(flow("put", deadline_s=DEADLINE_S))

    async def lives() -> None:
        platform.delay_s = 5.0
        await cut_off(tmp_path, "put", platform)
        platform.delay_s = 0.0
        async with stage(
            world, path=tmp_path / "hub.db", platform=platform, clock=platform.clock, worker="two"
        ) as here:
            for number in range(20):
                await here.send({"id": f"b{number}", "value": f"b{number}"})
            await here.send({"id": "a2", "about": "a", "value": "newer"})
            await platform.clock.sleep(LEASE_S + 2 * RENEW_S)
            assert sorted(platform.effects) == sorted(f"b{number}" for number in range(20))
            await here.settle()

    run_virtually(lives())
    assert platform.effects[-2:] == ["v", "newer"]


def test_a_worker_that_comes_back_under_its_name_has_ended_what_it_began(tmp_path: Path) -> None:
    """Its process is gone, and its connections with it."""
    platform = Dated(delay_s=5.0)
    world = landscape(flow("put", deadline_s=DEADLINE_S))

    async def lives() -> None:
        await cut_off(tmp_path, "put", platform)
        async with stage(
            world, path=tmp_path / "hub.db", platform=platform, clock=platform.clock, worker="one"
        ) as here:
            await here.settle()

    run_virtually(lives())
    assert platform.asked_at[1] - platform.asked_at[0] <= LEASE_S


def test_where_nothing_helps_a_person_decides_when_it_is_over(tmp_path: Path) -> None:
    """Else she looks, finds nothing, sends it again, and then the first one lands."""
    platform = Dated(delay_s=5.0)
    world = landscape(flow("create_only", deadline_s=DEADLINE_S))

    async def lives() -> None:
        await cut_off(tmp_path, "create_only", platform)
        async with stage(
            world, path=tmp_path / "hub.db", platform=platform, clock=platform.clock, worker="two"
        ) as here:
            await platform.clock.sleep(LEASE_S + DEADLINE_S)
            assert await here.states() == {"resolving": 1}
            await here.settle()
            (row,) = await here.deliveries()
            assert row.state is DeliveryState.HELD

    run_virtually(lives())
    assert len(platform.asked_at) == 1
