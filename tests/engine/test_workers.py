"""Several workers of one hub in one process, on a real PostgreSQL: who holds what, and what when that changes."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from crossdock.core.delivery import Exchange
from crossdock.core.flow import Landscape
from crossdock.core.ids import PARTITIONS
from crossdock.core.states import SETTLED, DeliveryState
from crossdock.engine import leases
from crossdock.engine.clock import SystemClock
from crossdock.engine.context import Context
from crossdock.engine.operate import Operator
from crossdock.engine.supervise import Hub
from crossdock.stores.postgres import PostgresStore, opening
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import OpenVault, Stage, Tally, flow, landscape, need


@pytest.fixture
async def url(postgres: str) -> str:
    """The server's database, emptied."""
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"DROP SCHEMA IF EXISTS {opening.SCHEMA} CASCADE")
    await connection.close()
    return postgres


@asynccontextmanager
async def worker(
    name: str, url: str, world: Landscape, platform: FakePlatform, role: str = "all"
) -> AsyncIterator[Stage]:
    store, clock = PostgresStore(url), SystemClock()
    context = Context(
        store, world, clock, platform, OpenVault(), Tally(), random.Random(1).random, name, role
    )  # fmt: skip
    hub = Hub(context)
    await hub.start()
    try:
        yield Stage(hub, platform, context.metrics, clock)  # type: ignore[arg-type]
    finally:
        await hub.stop()
        await store.close()


@asynccontextmanager
async def two(url: str, world: Landscape, platform: FakePlatform | None = None) -> AsyncIterator[tuple[Stage, Stage]]:
    platform = platform or FakePlatform(sleep=asyncio.sleep)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(worker("one", url, world, platform))
        other = await stack.enter_async_context(worker("two", url, world, platform))
        await until(lambda: all(len(partitions(here)) == PARTITIONS // 2 for here in (one, other)))
        yield one, other


async def until(holds: Callable[[], Any], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def partitions(here: Stage, flow: str = "put") -> set[int]:
    return {lane.partition for lane in here.hub.leases.positions(here.hub.planners[flow].lanes)}


async def settle(here: Stage, amount: int, states: frozenset[DeliveryState] = SETTLED) -> None:
    async with asyncio.timeout(20.0):
        while True:
            rows = await here.deliveries()
            if len(rows) == amount and all(row.state in states for row in rows):
                return
            await asyncio.sleep(0.02)


def holding() -> tuple[FakePlatform, asyncio.Event]:
    """A platform that answers when told; with no delay, at once."""
    answers = asyncio.Event()
    return FakePlatform(delay_s=1.0, sleep=lambda _: answers.wait()), answers


async def read_to_the_end(here: Stage) -> None:
    positions, heads = here.store.positions, here.store.heads
    async with asyncio.timeout(20.0):
        while sum(await positions("flow/put", "events")) < sum(await heads("events")):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def things(amount: int, about: str = "") -> list[dict[str, Any]]:
    return [{"id": f"{about}{n}", "about": about or str(n), "value": f"{about}{n}"} for n in range(amount)]


async def send(here: Stage, items: Sequence[dict[str, Any]]) -> None:
    for item in items:
        assert (await here.send(item)).status == 200


# --- who holds what -----------------------------------------------------------------------------------------------


async def test_two_workers_halve_the_lanes_and_whoever_stays_has_them_all(url: str) -> None:
    world, platform = landscape(flow("put")), FakePlatform()
    async with worker("one", url, world, platform) as one:
        assert partitions(one) == set(range(PARTITIONS))
        async with worker("two", url, world, platform) as two:
            await until(lambda: len(partitions(two)) == PARTITIONS // 2)
            assert partitions(one) == set(range(PARTITIONS)) - partitions(two)
            assert one.hub.exchanger.workers == two.hub.exchanger.workers == 2
        await until(lambda: len(partitions(one)) == PARTITIONS, leases.RENEW_S / 2)


async def test_what_comes_in_at_one_worker_is_delivered_by_both_at_once(url: str) -> None:
    async with two(url, landscape(flow("put"))) as (one, other):
        await send(one, things(40))
        await settle(one, 40)
        assert sorted(one.platform.effects, key=int) == [str(n) for n in range(40)]
        assert min(here.tally.seen["delivered", "put"] for here in (one, other)) > 5


async def test_receivers_hold_no_lanes_and_deliverers_take_nothing_in(url: str) -> None:
    world, platform = landscape(flow("put")), FakePlatform()
    async with (
        worker("one", url, world, platform, "receive") as one,
        worker("two", url, world, platform, "deliver") as two,
    ):
        await send(one, things(5))
        await settle(two, 5)
        assert partitions(one) == set()
        assert partitions(two) == set(range(PARTITIONS))


# --- hand-over ----------------------------------------------------------------------------------------------------


async def test_a_key_keeps_its_order_while_workers_come_and_go(url: str) -> None:
    world, platform = landscape(flow("create_with_key", name="put")), FakePlatform(delay_s=0.01, sleep=asyncio.sleep)
    abouts = [f"k{n}-" for n in range(12)]
    async with worker("one", url, world, platform) as one:
        sending = asyncio.gather(*(send(one, things(15, about)) for about in abouts))
        for name in ("two", "three", "two"):
            async with worker(name, url, world, platform) as other:
                await until(lambda here=other: len(partitions(here)) == PARTITIONS // 2)  # type: ignore[misc]
        await sending
        await settle(one, 12 * 15)
    for about in abouts:
        assert [value for value in platform.effects if value.startswith(about)] == [f"{about}{n}" for n in range(15)]


async def test_what_is_under_way_ends_where_it_began_before_its_lane_is_given_up(url: str) -> None:
    world, (platform, answers) = landscape(flow("create_only", name="put")), holding()
    async with worker("one", url, world, platform) as one:
        await send(one, things(20))
        await until(lambda: platform.at_once == 20)
        async with worker("two", url, world, platform) as other:
            await until(lambda: len(partitions(one)) == PARTITIONS // 2)
            assert not partitions(other)
            answers.set()
            await until(lambda: len(partitions(other)) == PARTITIONS // 2)
            await settle(one, 20)
    assert len(platform.effects) == 20
    assert not one.tally.seen["failed", "put", "unknown"]


async def test_a_worker_that_lost_its_lanes_unawares_writes_no_outcome(url: str) -> None:
    """Its requests were sent; what became of them is found out by the new holder."""
    world, (platform, answers) = landscape(flow("create_with_key", name="put")), holding()
    async with worker("one", url, world, platform) as one:
        await send(one, things(10))
        await until(lambda: platform.at_once == 10)
        _stop_renewing(one)
        await _as_if_time_had_passed(url)
        platform.delay_s = 0.0
        async with worker("two", url, world, platform) as other:
            await settle(other, 10)
            assert other.tally.seen["delivered", "put"] == 10
            answers.set()
            await until(lambda: platform.at_once == 0)
        await until(lambda: not one.hub.deliverers["put"]._running)
        assert not one.tally.seen["delivered", "put"]
        attempts = await one.store.attempts([one.id for one in await _exchanges(one)])
        assert len(attempts) == 10
    assert sorted(platform.effects) == [str(n) for n in range(10)]


async def _exchanges(here: Stage) -> Sequence[Exchange]:
    return await here.store.exchanges([row.id for row in await here.deliveries()])


def _stop_renewing(here: Stage) -> None:
    next(task for task in here.hub._tasks if "Leases.run" in repr(task)).cancel()


async def _as_if_time_had_passed(url: str) -> None:
    connection = await asyncpg.connect(url, server_settings=opening.SETTINGS)
    await connection.execute("UPDATE lanes SET until = 0; UPDATE workers SET until = 0")
    await connection.close()


async def test_a_worker_started_again_under_its_name_has_its_lanes_at_once(url: str) -> None:
    world, (platform, answers) = landscape(flow("create_with_key", name="put")), holding()
    async with worker("one", url, world, platform) as one:
        await send(one, things(10))
        await until(lambda: platform.at_once == 10)
        _stop_renewing(one)
        platform.delay_s = 0.0
        async with worker("one", url, world, platform) as again:
            assert partitions(again) == set(range(PARTITIONS))
            await settle(again, 10)
        answers.set()
    assert sorted(platform.effects) == [str(n) for n in range(10)]


# --- what one worker tells the other ------------------------------------------------------------------------------


async def test_a_need_that_the_other_worker_fills_is_not_waited_for_until_the_next_look(url: str) -> None:
    def needs(value: Any) -> str:
        return f"in:{value['needs']}" if value.get("needs") else ""

    world = landscape(flow("create_with_key", name="put", needs=(need("thing", needs),)))
    async with two(url, world) as (one, _):
        await send(
            one, [{"id": f"child{n}", "about": f"child{n}", "value": n, "needs": f"parent{n}"} for n in range(8)]
        )
        await settle(one, 8, frozenset({DeliveryState.WAITING}))
        began = asyncio.get_running_loop().time()
        await send(one, [{"id": f"parent{n}", "about": f"parent{n}", "value": n} for n in range(8)])
        await settle(one, 16)
        assert asyncio.get_running_loop().time() - began < 10.0  # it looks by itself every 15 s


async def test_a_person_at_one_worker_moves_what_the_other_holds(url: str) -> None:
    platform = FakePlatform(sleep=asyncio.sleep)
    platform.faults["/put"] = [400] * 8
    async with two(url, landscape(flow("put")), platform) as (one, other):
        await send(one, things(8))
        await settle(one, 8, frozenset({DeliveryState.DEAD}))
        for row in await one.deliveries():
            await Operator(one.hub.context, "ada").retry(row)
            await one.hub.moved(row.flow, row.partitionkey)
        await settle(one, 8)
        assert other.tally.seen["delivered", "put"] > 0


async def test_a_rewind_at_one_worker_is_read_again_by_both(url: str) -> None:
    async with two(url, landscape(flow("put"))) as (one, other):
        await send(one, things(20))
        await settle(one, 20)
        before = await one.store.counts()
        await one.hub.rewind("put", "ada")
        await read_to_the_end(one)
        counts = await one.store.counts()
        assert counts["flow/put", "read"] == before["flow/put", "read"] + 20
        assert counts["flow/put", "skipped:already_planned"] == 20
        assert len(other.platform.effects) == 20
