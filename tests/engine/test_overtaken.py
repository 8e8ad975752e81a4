"""What a worker had under way when another took its place: it may be alive, and what it sent may land late."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crossdock.core.connector import ConnectionSettings
from crossdock.core.lanes import lanes_of
from crossdock.core.transport import STRAY_S
from crossdock.core.wire import Http, Response, Wire
from crossdock.engine.leases import LEASE_S, RENEW_S
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.fake_connector import FakeConnector
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


async def nothing(_: Path, __: Dated) -> None: ...


async def successor_killed(folder: Path, platform: Dated) -> None:
    """As soon as the lanes were its own."""
    await platform.clock.sleep(LEASE_S)
    now = platform.clock.now()
    store = SqliteStore(folder / "hub.db", executor="inline", now=platform.clock.now)
    lanes = [*lanes_of("normalise", "inbox/in"), *lanes_of("flow/put", "events")]
    assert set(await store.lease(lanes, "two", now + LEASE_S, now)) == set(lanes)
    await store.close()


async def successor_stopped(folder: Path, platform: Dated) -> None:
    """At the same moment: it gives them back."""
    await successor_killed(folder, platform)
    now = platform.clock.now()
    store = SqliteStore(folder / "hub.db", executor="inline", now=platform.clock.now)
    await store.lease([*lanes_of("normalise", "inbox/in"), *lanes_of("flow/put", "events")], "two", now, now)
    await store.close()


def sent_again_after_s(
    folder: Path, action: str, worker: str, between: Callable[[Path, Dated], Awaitable[None]] = nothing
) -> float:
    """By this worker, which goes on."""
    platform = Dated()

    async def lives() -> None:
        await begun(folder, action, platform)
        await between(folder, platform)
        async with life(folder, action, platform, worker) as here:
            await here.settle()
            assert await here.states() == {"delivered": 1}

    run_virtually(lives())
    assert platform.effects == ["v"]
    return platform.asked_at[1] - platform.asked_at[0]


@pytest.mark.parametrize("action", ["put", "create_and_look_up", "batch"])
def test_g06_a_successor_waits_until_nothing_of_it_can_land_any_more(action: str, tmp_path: Path) -> None:
    settle_s = FakeConnector(ConnectionSettings()).actions[action].settle_s
    assert sent_again_after_s(tmp_path, action, "two") >= SURELY_OVER_S + settle_s - 1.0


@pytest.mark.parametrize("between", [successor_killed, successor_stopped])
@pytest.mark.parametrize("worker", ["two", "three"])
def test_a_successor_that_ends_at_once_has_not_made_it_forgotten(
    tmp_path: Path, worker: str, between: Callable[[Path, Dated], Awaitable[None]]
) -> None:
    assert sent_again_after_s(tmp_path, "put", worker, between) >= SURELY_OVER_S - 1.0


def test_the_step_that_was_under_way_decides_whether_it_is_waited_for(tmp_path: Path) -> None:
    """The first of two has a native key, the second is an upsert."""
    platform = Dated()

    async def lives() -> None:
        platform.delay_s = 2.0
        async with life(tmp_path, "two_steps", platform, "one", cut_off=True) as here:
            await here.send({"id": "a", "value": "v"})
            await platform.clock.sleep(3.0)
        async with life(tmp_path, "two_steps", platform, "two") as here:
            await here.settle()

    run_virtually(lives())
    assert platform.asked_at[2] - platform.asked_at[1] >= SURELY_OVER_S - 3.0


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


def test_what_a_stopping_hub_cuts_off_is_waited_for_by_its_next_life(tmp_path: Path) -> None:
    """It gives its lanes back, and the destination goes on with what it was asked for."""
    platform, grace_s = Dated(), 3.0

    async def lives() -> None:
        platform.delay_s = 2 * DEADLINE_S
        async with life(tmp_path, "put", platform, "one") as here:
            await here.send({"id": "a", "value": "v"})
            await platform.clock.sleep(1.0)
            await here.hub.stop(grace_s)
            assert await here.states() == {"resolving": 1}
        platform.delay_s = 0.0
        async with life(tmp_path, "put", platform, "one") as here:
            await here.settle()

    run_virtually(lives())
    assert platform.asked_at[1] - platform.asked_at[0] >= DEADLINE_S
    assert platform.effects == ["v"]
