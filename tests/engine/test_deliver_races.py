"""What a person does while a key is at work, and what code that fails must not take with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from crossdock.core.errors import StoreError
from crossdock.core.flow import Flow
from crossdock.core.retry import RetryPolicy
from crossdock.core.states import DeliveryState
from crossdock.core.work import Committed, NotCommitted, Work
from crossdock.engine.operate import Operator
from crossdock.testing.fake_connector import FakeConnector
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import Outputs, PythonMap, Stage, flow, landscape, need, stage
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit
from crossdock.testing.virtual_clock import run_virtually


def on_stage(play: Callable[[Stage], Awaitable[None]], *flows: Flow, platform: FakePlatform | None = None) -> None:
    async def acts() -> None:
        async with stage(landscape(*flows), platform=platform) as here:
            await play(here)

    run_virtually(acts())


class TestAPersonActsWhileTheKeyIsAtWork:
    def test_a_dead_item_is_retried_while_its_batch_is_under_way(self) -> None:
        broken = {"bad"}

        def mapped(data: Any) -> Any:
            return Outputs() if data["value"] in broken else data

        async def play(here: Stage) -> None:
            here.platform.delay_s = 20.0
            await here.send({"id": "a", "value": "bad"}, {"id": "b", "value": "good"})
            await here.clock.sleep(5.0)
            (row,) = [row for row in await here.deliveries() if row.state is DeliveryState.DEAD]
            broken.clear()
            row_key = row.partitionkey
            await Operator(here.hub.context, "anna").retry(row)
            await here.hub.deliverers["batch"].wake_key(row_key)
            await here.settle()
            (row,) = await here.store.deliveries([row.id])
            assert row.state is DeliveryState.DEAD  # the fake platform refuses "bad"
            assert "not a value" in row.reason

        on_stage(play, flow("batch", map=PythonMap(mapped)))

    def test_an_earlier_delivery_is_performed_again_while_a_later_one_is_under_way(self) -> None:
        async def play(here: Stage) -> None:
            await here.send({"id": "1", "about": "a", "value": "first"})
            await here.settle()
            (row,) = await here.deliveries()
            here.platform.delay_s = 20.0
            await here.send({"id": "2", "about": "a", "value": "second", "version": "2"})
            await here.clock.sleep(5.0)
            await Operator(here.hub.context, "anna").perform_again(row)
            await here.hub.deliverers["put"].wake_key(row.partitionkey)
            await here.settle()
            assert here.platform.effects == ["first", "second", "first"]

        on_stage(play, flow("put"))


def test_what_was_discarded_gives_back_its_claim() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = ["lost_before"]
        await here.send({"id": "1", "about": "a", "value": "first"}, {"id": "2", "about": "a", "value": "second"})
        await here.settle(rest=frozenset({DeliveryState.HELD, DeliveryState.WAITING}))
        (row,) = [row for row in await here.deliveries() if row.state is DeliveryState.HELD]
        await Operator(here.hub.context, "anna").discard(row)
        await here.hub.deliverers["create_only"].wake_key(row.partitionkey)
        await here.settle()
        assert here.platform.effects == ["second"]

    on_stage(play, flow("create_only"))


def test_a_record_that_cannot_be_had_is_waited_for_however_long_the_others_take() -> None:
    async def play(here: Stage) -> None:
        here.platform.records.update({str(n): {"id": str(n), "value": str(n)} for n in range(40)})
        here.platform.delay_s = 0.2
        here.platform.faults["/read"] = [500]
        await here.send(*({"id": n, "topic": "thing.id", "about": str(n)} for n in range(40)))
        await here.settle()
        assert await here.states() == {"delivered": 40}

    on_stage(play, flow("put"))


@pytest.mark.parametrize("method", ["sign", "judge", "learn"])
def test_a_connector_whose_code_fails_stops_one_delivery_and_not_the_hub(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(FakeConnector, method)

    def fails(self: FakeConnector, first: Any, *rest: Any) -> Any:
        request = getattr(first, "request", first)
        if b'"value":"bad"' in request.body:
            raise KeyError("correct horse")
        return original(self, first, *rest)

    monkeypatch.setattr(FakeConnector, method, fails)

    async def play(here: Stage) -> None:
        await here.send({"id": "a", "value": "bad"}, {"id": "b", "value": "good"})
        await here.settle()
        by_key = {row.key: row for row in await here.deliveries()}
        assert by_key["in:b"].state is DeliveryState.DELIVERED
        if method == "learn":
            assert by_key["in:a"].state is DeliveryState.DELIVERED
        else:
            assert by_key["in:a"].state is (DeliveryState.DEAD if method == "sign" else DeliveryState.HELD)
            assert f"{method} failed: KeyError" in by_key["in:a"].reason
            assert ("correct horse" in by_key["in:a"].reason) is (method != "sign")  # what signs holds secrets

    on_stage(play, flow("create_only", retry=RetryPolicy(attempts=2)))


def test_a_hydrate_whose_code_fails_quarantines_its_message_and_stops_no_other() -> None:
    async def play(here: Stage) -> None:
        here.platform.records["1"] = {"id": "1", "value": "good"}

        def fetch(parts: Any) -> Any:
            raise KeyError("surprise")
            yield

        here.hub.context.landscape.connections["in"].connector.hydrates["thing"].fetch = fetch  # type: ignore[method-assign]
        await here.send({"id": "x", "topic": "thing.id", "about": "1"})
        await here.send({"id": "b", "value": "good"})
        await here.settle()
        assert await here.states() == {"delivered": 1}
        (message,) = [m for m in await here.store.messages(connection="in") if m.state == "quarantined"]
        assert "KeyError" in message.reason

    on_stage(play, flow("put"))


def test_who_waits_for_a_link_is_kept_once_however_often_it_looks() -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": "a", "value": "v"})
        await here.clock.sleep(300)
        (waiters,) = here.hub.board._waiters.values()
        assert len(waiters) == 1

    on_stage(play, flow("put", needs=(need("thing", lambda data: "in:never"),)))


def test_an_attempt_after_the_first_is_counted() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = ["refused", 500]
        await here.send({"id": "a", "value": "v"}, {"id": "b", "value": "w"})
        await here.settle()
        assert here.tally.seen["retried", "create_with_key"] == 2

    on_stage(play, flow("create_with_key"))


def test_what_is_being_superseded_is_not_begun_when_its_turn_comes() -> None:
    """The planner's commit takes a while; meanwhile the delivery in front of the withdrawn one ends."""

    async def play(here: Stage) -> None:
        apply = here.store.apply

        async def slow(work: Work) -> Committed | NotCommitted:
            if any(move.after is DeliveryState.SUPERSEDED for move in work.delivery_moves):
                await here.clock.sleep(1.0)
            return await apply(work)

        here.store.apply = slow
        here.platform.delay_s = 1.0
        for version in ("1", "2", "3"):
            await here.send({"id": version, "about": "a", "value": f"v{version}", "version": version})
            await here.clock.sleep(0.25)
        await here.settle()
        assert here.platform.effects == ["v1", "v3"]
        assert await here.states() == {"delivered": 2, "superseded": 1}

    on_stage(play, flow("put", collapse="latest"))


def test_what_has_lost_its_event_is_left_to_whoever_holds_its_lane_by_now() -> None:
    async def play(here: Stage) -> None:
        row, deliverer = a.delivery("a", flow="put", key="in:a"), here.hub.deliverers["put"]
        await here.clock.sleep(0.1)
        await commit(here.store, "planned long ago", deliveries=[row])
        lane = here.hub.planners["put"].lanes[row.partition]
        later = here.clock.now() + 3600.0
        assert await here.store.lease([lane], "another", later + 3600.0, later)
        apply, tried = here.store.apply, []

        async def counted(work: Work) -> Committed | NotCommitted:
            tried.append(work)
            assert len(tried) < 10, "it is tried for ever"
            return await apply(work)

        here.store.apply = counted  # type: ignore[method-assign]
        await deliverer.wake_key(row.partitionkey)
        await here.clock.sleep(60.0)
        assert [move.id for work in tried for move in work.delivery_moves] == [row.id]
        assert not here.hub.context.failed
        assert await here.store.deliveries([row.id]) == [row]

    on_stage(play, flow("put"))


def test_a_key_that_could_not_be_looked_up_goes_on_when_the_store_answers_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": "1", "about": "a", "value": "first"})
        await here.settle()
        (row,) = await here.deliveries()
        await Operator(here.hub.context, "anna").perform_again(row)

        async def away(*_: Any, **__: Any) -> None:
            raise StoreError("the store is away")

        with monkeypatch.context() as patched:
            patched.setattr(here.store, "next_of_key", away)
            with pytest.raises(StoreError, match="away"):
                await here.hub.moved("put", row.partitionkey)
        await here.settle()
        assert here.platform.effects == ["first", "first"]

    on_stage(play, flow("put"))
