"""Several workers of one hub in one process, on a real PostgreSQL: who holds what, and what when that changes."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from math import inf
from typing import Any

import asyncpg
import pytest

from crossdock.core.connector import Call, ConnectionSettings, Steps
from crossdock.core.delivery import Exchange
from crossdock.core.event import Event
from crossdock.core.flow import Connection, Landscape
from crossdock.core.ids import PARTITIONS
from crossdock.core.lanes import Lane
from crossdock.core.limits import Limit
from crossdock.core.secret import Credential, Secret
from crossdock.core.states import SETTLED, DeliveryState
from crossdock.core.store import Worker
from crossdock.core.wire import Http, Response, Wire
from crossdock.engine import leases, prepare, recover
from crossdock.engine.clock import SystemClock
from crossdock.engine.context import Context
from crossdock.engine.gate import Gate
from crossdock.engine.operate import Operator
from crossdock.engine.signals import LEASES
from crossdock.engine.supervise import Hub
from crossdock.stores.postgres import PostgresStore, opening
from crossdock.testing.fake_connector import FakeConnector
from crossdock.testing.fake_platform import BASE, JSON, FakePlatform
from crossdock.testing.stage import SIGNED_WITH, OpenVault, Stage, Tally, flow, landscape, need
from crossdock.testing.virtual_clock import VirtualClock, run_virtually


@asynccontextmanager
async def worker(
    name: str, url: str, world: Landscape, platform: FakePlatform, role: str = "all", vault: OpenVault | None = None
) -> AsyncIterator[Stage]:
    store, clock = PostgresStore(url), SystemClock()
    context = Context(
        store, world, clock, platform, vault or OpenVault(), Tally(), random.Random(1).random, name, role
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
            for _ in range(3):
                await other.hub.leases.renew()
            assert not partitions(other)
            answers.set()
            await until(lambda: len(partitions(other)) == PARTITIONS // 2)
            await settle(one, 20)
    assert len(platform.effects) == 20
    assert not one.tally.seen["failed", "put", "unknown"]


async def test_a_worker_that_lost_its_lanes_unawares_writes_no_outcome(url: str) -> None:
    """Not even while its successor waits for the answer to the same request, in the same state."""
    world, (platform, late) = landscape(flow("create_with_key", name="put")), holding()
    async with worker("one", url, world, platform) as one:
        await send(one, things(10))
        await until(lambda: platform.at_once == 10)
        _stop_renewing(one)
        await _as_if_time_had_passed(url)
        answers = asyncio.Event()
        platform.sleep = lambda _: answers.wait()
        async with worker("two", url, world, platform) as other:
            await until(lambda: platform.at_once == 20)
            late.set()
            await until(lambda: not one.hub.deliverers["put"]._running)
            assert {row.state for row in await one.deliveries()} == {DeliveryState.SENDING}
            answers.set()
            await settle(other, 10)
            assert other.tally.seen["delivered", "put"] == 10
        attempts = await one.store.attempts([one.id for one in await _exchanges(one)])
        assert len(attempts) == 10
    assert not one.tally.seen["delivered", "put"]
    assert sorted(platform.effects) == [str(n) for n in range(10)]


async def test_g10_what_waited_for_its_turn_is_not_sent_by_a_worker_that_stood_still(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its successor finds a request that was begun, and resolves it: an older state sent then would be the last."""
    monkeypatch.setattr(recover, "STRAY_S", 0.0)
    world, (platform, late) = landscape(flow("put", deadline_s=0.1)), holding()
    async with worker("one", url, world, platform) as one:
        gate = await one.hub.exchanger.gate("out")
        others = gate._allowed - 1
        for _ in range(others):
            await gate.enter({})
        await send(one, things(10))
        await settle(one, 10, frozenset({DeliveryState.SENDING}))
        assert platform.at_once == 1
        _stop_renewing(one)
        await _as_if_time_had_passed(url)
        one.hub.leases._renewed_at = one.clock.now() - leases.LEASE_S
        platform.delay_s = 0.0
        async with worker("two", url, world, platform) as other:
            await settle(other, 10)
            for _ in range(others):
                gate.leave()
            late.set()
            await until(lambda: not one.hub.deliverers["put"]._running)
        assert one.tally.seen["exchange", "out", "done"] == 1
    assert len(platform.effects) == 11


async def _exchanges(here: Stage) -> Sequence[Exchange]:
    return await here.store.exchanges([row.id for row in await here.deliveries()])


def _fences(here: Stage) -> dict[int, int]:
    lanes = here.hub.planners["put"].lanes
    return {place: here.hub.leases.fence(lanes[place]) for place in partitions(here)}


def _stop_renewing(here: Stage) -> None:
    next(task for task in here.hub._tasks if "Leases.run" in repr(task)).cancel()


async def _as_if_time_had_passed(url: str) -> None:
    connection = await asyncpg.connect(url, server_settings=opening.SETTINGS)
    await connection.execute("UPDATE lanes SET until = 0; UPDATE workers SET until = 0")
    await connection.close()


async def test_after_an_outage_nobody_takes_the_lanes_of_those_who_have_not_signed_in_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes first is alone for a moment: all leases ran out, and what is under way there is the others'."""
    gates = {"one": asyncio.Event(), "two": asyncio.Event()}
    waiting: set[str] = set()
    workers = PostgresStore.workers

    async def away(store: PostgresStore, worker: Worker, until: float, now: float) -> Sequence[Worker]:
        waiting.add(worker.name)
        await gates[worker.name].wait()
        return await workers(store, worker, until, now)

    async with two(url, landscape(flow("put"))) as both:
        fences = [_fences(here) for here in both]
        monkeypatch.setattr(PostgresStore, "workers", away)
        for here in both:
            here.hub.context.signals.heard(LEASES)
        await until(lambda: waiting == {"one", "two"})
        await _as_if_time_had_passed(url)
        for here, gate in zip(both, gates.values(), strict=True):
            here.hub.leases._renewed_at = here.clock.now() - leases.LEASE_S - 1.0
            gate.set()
            for _ in range(2):  # once more at once: the connection on which it hears the others is back, too
                await _renewed(here)
                here.hub.context.signals.heard(LEASES)
        assert [_fences(here) for here in both] == fences


async def _renewed(here: Stage) -> None:
    before = here.hub.leases._renewed_at
    await until(lambda: here.hub.leases._renewed_at != before)


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


async def test_lanes_that_a_worker_was_taking_over_as_it_stopped_are_free_at_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, platform = landscape(flow("put")), FakePlatform()
    has_taken, lease = asyncio.Event(), PostgresStore.lease
    async with worker("one", url, world, platform) as one:

        async def unheard(store: PostgresStore, lanes: Sequence[Lane], worker: str, until: float, now: float) -> Any:
            found = await lease(store, lanes, worker, until, now)
            if until > now and found.keys() - one.hub.leases._leased.keys():
                has_taken.set()
                await asyncio.Event().wait()
            return found

        async with worker("two", url, world, platform) as two:
            await until(lambda: len(partitions(two)) == PARTITIONS // 2)
            monkeypatch.setattr(PostgresStore, "lease", unheard)
        await has_taken.wait()
    connection = await asyncpg.connect(url, server_settings=opening.SETTINGS)
    held = await connection.fetchval("SELECT count(*) FROM lanes WHERE until > extract(epoch FROM clock_timestamp())")
    await connection.close()
    assert not held


# --- what one worker tells the other ------------------------------------------------------------------------------


async def test_a_need_that_the_other_worker_fills_is_not_waited_for_until_the_next_look(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "RECHECK_S", 3600.0)

    def needs(value: Any) -> str:
        return f"in:{value['needs']}" if value.get("needs") else ""

    world = landscape(flow("create_with_key", name="put", needs=(need("thing", needs),)))
    async with two(url, world) as (one, _):
        await send(
            one, [{"id": f"child{n}", "about": f"child{n}", "value": n, "needs": f"parent{n}"} for n in range(8)]
        )
        await settle(one, 8, frozenset({DeliveryState.WAITING}))
        await send(one, [{"id": f"parent{n}", "about": f"parent{n}", "value": n} for n in range(8)])
        await settle(one, 16)


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


async def test_a_plan_over_a_position_that_was_set_back_meanwhile_moves_it_no_more(url: str) -> None:
    async with worker("one", url, landscape(flow("put")), FakePlatform()) as one:
        await send(one, things(5, "k"))
        await settle(one, 5)
        planner, heads = one.hub.planners["put"], await one.store.heads("events")
        stood = {lane: max(heads[lane.partition] - 1, 0) for lane in planner.lanes}
        events = [event for event in await one.store.read(stood, 100) if isinstance(event, Event)]
        async with planner.turn:
            await Operator(one.hub.context, "ada").rewind("put")
            await planner.plan(events, stood)
            assert not any(await one.store.positions("flow/put", "events"))


# --- what they share ----------------------------------------------------------------------------------------------


class WithTokens(FakeConnector):
    def sign(self, request: Http, credential: Credential, civil: float, nonce: str) -> Http:
        return request.with_headers(("authorization", credential.get("access_token")))

    def refresh(self, credential: Credential, now: float) -> Steps[Credential]:
        done = yield Call("refresh", Http("POST", f"{BASE}/token", body=credential.get("refresh_token").encode()))
        return credential.with_secrets(now + 600.0, access_token=done.answer, refresh_token=done.answer)


@dataclass
class StrictPlatform(FakePlatform):
    """A token is good for one renewal."""

    token: int = 0
    refused: int = 0

    async def exchange(self, request: Wire, deadline_s: float) -> Response:
        if isinstance(request, Http) and request.url == f"{BASE}/token":
            await asyncio.sleep(1.0)  # long enough for every worker to want one
        return await super().exchange(request, deadline_s)

    def _play(self, request: Http) -> Response:
        if request.url == f"{BASE}/token":
            if request.body != str(self.token).encode():
                self.refused += 1
                return Response(400, JSON, b'{"error":"invalid_grant"}')
            self.token += 1
            return Response(200, JSON, f'"{self.token}"'.encode())
        if dict(request.headers).get("authorization") != str(self.token):
            return Response(401, JSON, b'{"error":"expired"}')
        return super()._play(request)


async def test_g13_a_token_that_runs_out_is_renewed_once_among_4_workers(url: str) -> None:
    connector, platform, vault = (
        WithTokens(ConnectionSettings()),
        StrictPlatform(token=7, sleep=asyncio.sleep),
        OpenVault(),
    )
    made = landscape(flow("create_with_key", name="put", connector=connector))
    world = Landscape(
        made.name, made.environment, {**made.connections, "out": Connection("out", connector)}, made.flows, made.models
    )
    secrets = {"webhook_secret": Secret(SIGNED_WITH), "access_token": Secret("7"), "refresh_token": Secret("7")}
    vault.held["out"] = Credential(secrets, account="fake.example", expires_at=1.0)
    async with AsyncExitStack() as stack:
        names = ("one", "two", "three", "four")
        crew = [await stack.enter_async_context(worker(name, url, world, platform, vault=vault)) for name in names]
        await until(lambda: all(len(partitions(here)) == PARTITIONS // 4 for here in crew))
        await crew[0].send(*things(64))
        await settle(crew[0], 64)
        assert all(here.tally.seen["delivered", "put"] for here in crew)
    assert (platform.token, platform.refused) == (8, 0)


def test_the_rates_and_slots_of_an_account_are_parted_among_its_workers() -> None:
    async def through(workers: int) -> tuple[float, int]:
        """When the last of 40 calls at 10 a second went, and how many of 12 slots could be had at once."""
        clock = VirtualClock()
        slow, wide = Gate([Limit("requests", 10, 10.0)], clock), Gate([Limit("r", 1, inf, concurrency=12)], clock)
        for gate in (slow, wide):
            gate.share(workers)
        began_at = clock.now()
        for _ in range(40):
            await slow.enter({})
            slow.leave()
        inside = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while True:
                    await wide.enter({})
                    inside += 1
        return round(clock.now() - 1.0 - began_at, 3), inside

    assert run_virtually(through(1)) == (3.0, 12)
    assert run_virtually(through(4)) == (15.0, 3)


def test_an_account_that_a_worker_leaves_is_the_others_at_once() -> None:
    async def play() -> None:
        gate = Gate([Limit("r", 1, inf, concurrency=12)], VirtualClock())
        gate.share(6)
        for _ in range(2):
            await gate.enter({})
        waiting = asyncio.create_task(gate.enter({}))
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.share(2)
        await waiting

    run_virtually(play())
