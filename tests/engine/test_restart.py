"""A hub that is killed at any moment goes on in its next life: nothing lost, nothing doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossdock.core.states import DeliveryState
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import flow, landscape, need, stage
from crossdock.testing.virtual_clock import VirtualClock, run_virtually

MOMENTS = [0.0, 0.3, 0.7, 1.1, 1.5, 1.9, 2.3, 2.7, 3.1, 5.0]


@pytest.mark.parametrize("action", ["create_with_key", "put", "create_and_look_up", "two_steps", "batch"])
def test_kills_at_many_moments_lose_and_double_nothing(action: str, tmp_path: Path) -> None:
    platform = FakePlatform(delay_s=0.8)
    world = landscape(flow(action))
    clock = VirtualClock()

    async def lives() -> None:
        for life, moment in enumerate(MOMENTS):
            async with stage(
                world, path=tmp_path / "hub.db", platform=platform, clock=clock, seed=life, crash=True
            ) as here:
                for number in range(5):
                    await here.send({"id": f"{life}-{number}", "value": f"{life}-{number}"})
                await clock.sleep(moment)
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock, seed=99) as here:
            await here.settle()
            assert await here.states() == {"delivered": 5 * len(MOMENTS)}
        values = [record["value"] for record in platform.records.values() if not record["value"].startswith("label")]
        assert sorted(values) == sorted(f"{life}-{number}" for life in range(len(MOMENTS)) for number in range(5))

    run_virtually(lives())


def test_an_intent_left_open_is_unknown_and_never_simply_retried(tmp_path: Path) -> None:
    platform = FakePlatform(delay_s=5.0)
    world = landscape(flow("create_only"))
    clock = VirtualClock()

    async def lives() -> None:
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock, crash=True) as here:
            await here.send({"id": "a", "value": "v"})
            await clock.sleep(1.0)
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock) as here:
            await here.settle()
            (row,) = await here.deliveries()
            assert row.state is DeliveryState.HELD
            assert len(platform.requests) == 1

    run_virtually(lives())


def test_order_per_key_survives_kills(tmp_path: Path) -> None:
    platform = FakePlatform(delay_s=0.3)
    world = landscape(flow("create_with_key"))
    clock = VirtualClock()

    async def lives() -> None:
        for life in range(6):
            async with stage(
                world, path=tmp_path / "hub.db", platform=platform, clock=clock, seed=life, crash=True
            ) as here:
                for number in range(4):
                    value = f"{life}{number}"
                    await here.send({"id": value, "about": "a", "verb": "updated", "value": value})
                await clock.sleep(0.5)
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock) as here:
            await here.settle()
        assert platform.effects == sorted(platform.effects)
        assert len(platform.effects) == 24

    run_virtually(lives())


def test_what_a_stopping_hub_has_under_way_ends_within_the_grace(tmp_path: Path) -> None:
    platform = FakePlatform(delay_s=2.0)
    world = landscape(flow("create_only"))
    clock = VirtualClock()

    async def lives() -> None:
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock) as here:
            await here.send({"id": "a", "value": "v"})
            await clock.sleep(1.0)
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock) as here:
            assert await here.states() == {"delivered": 1}

    run_virtually(lives())


def test_what_waits_for_a_need_is_told_in_the_next_life_too(tmp_path: Path) -> None:
    world = landscape(flow("create_with_key", needs=(need("thing", lambda data: data.get("customer")),)))
    platform, clock = FakePlatform(), VirtualClock()

    async def lives() -> None:
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock, crash=True) as here:
            await here.send({"id": "order", "value": "order", "customer": "in:c"})
            await clock.sleep(1.0)
        async with stage(world, path=tmp_path / "hub.db", platform=platform, clock=clock) as here:
            await here.send({"id": "c", "value": "customer"})
            await clock.sleep(1.0)
            assert platform.effects == ["customer", "order"]

    run_virtually(lives())


@pytest.mark.parametrize("waits", [False, True])
def test_on_dead_skip_lets_the_key_go_on_in_the_next_life_too(tmp_path: Path, waits: bool) -> None:
    async def play() -> None:
        world = landscape(flow("create_with_key", on_dead="skip"))
        async with stage(world, path=tmp_path / "hub.db", crash=waits) as here:
            here.platform.faults["/create"] = [422, "refused", "refused"]
            await here.send({"id": 1, "about": "a", "value": "dead"})
            await here.settle()
            if waits:
                await here.send({"id": 2, "about": "a", "value": "second", "version": "2"})
                await here.clock.sleep(1.0)
        async with stage(world, path=tmp_path / "hub.db", clock=here.clock) as here:
            await here.send({"id": 3, "about": "a", "value": "third", "version": "3"})
            await here.settle(within_s=120.0)
            assert here.platform.effects == (["second", "third"] if waits else ["third"])

    run_virtually(play())


def test_however_many_are_dead_and_skipped_the_flow_goes_on_in_the_next_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossdock.engine.deliver.MOST_LINES", 10)

    async def play() -> None:
        world = landscape(flow("create_with_key", on_dead="skip"))
        async with stage(world, path=tmp_path / "hub.db") as here:
            here.platform.faults["/create"] = [422] * 30
            for number in range(30):
                await here.send({"id": number, "value": "dead"})
            await here.settle()
        async with stage(world, path=tmp_path / "hub.db", clock=here.clock) as here:
            await here.send({"id": "x", "value": "alive"})
            await here.settle(within_s=120.0)
            assert here.platform.effects == ["alive"]

    run_virtually(play())
