"""One thread through the engine, and what it does when a platform misbehaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from crossdock.core import json
from crossdock.core.connector import Call, ConnectionSettings, ItemId, Outbound, Receipt, Steps
from crossdock.core.effects import EffectClass
from crossdock.core.flow import Flow
from crossdock.core.retry import RetryPolicy
from crossdock.core.states import DeliveryState
from crossdock.core.wire import Http
from crossdock.engine.operate import Operator
from crossdock.testing.fake_connector import CreateWithKey, FakeConnector
from crossdock.testing.fake_platform import BASE, FakePlatform
from crossdock.testing.stage import Outputs, PythonMap, Stage, flow, landscape, need, stage
from crossdock.testing.virtual_clock import run_virtually

ONCE = ["create_with_key", "put", "create_and_look_up"]


def on_stage(
    play: Callable[[Stage], Awaitable[None]],
    *flows: Flow,
    platform: FakePlatform | None = None,
    inbound: Callable[..., Any] | None = None,
) -> None:
    async def acts() -> None:
        world = landscape(*flows) if inbound is None else landscape(*flows, inbound=inbound)
        async with stage(world, platform=platform) as here:
            await play(here)

    run_virtually(acts())


def test_what_came_in_is_delivered_once() -> None:
    async def play(here: Stage) -> None:
        for number in range(40):
            reply = await here.send({"id": number, "value": f"v{number}"})
            assert reply.status == 200
        await here.settle()
        assert await here.states() == {"delivered": 40}
        assert sorted(here.platform.effects) == sorted(f"v{number}" for number in range(40))

    on_stage(play, flow("create_with_key"))


def test_the_same_message_again_makes_no_second_effect() -> None:
    async def play(here: Stage) -> None:
        for _ in range(3):
            assert (await here.send({"id": "a", "value": "v"})).status == 200
        await here.settle()
        assert await here.send({"id": "a", "value": "v"})
        await here.settle()
        assert here.platform.effects == ["v"]

    on_stage(play, flow("create_only"))


def test_the_same_identity_with_other_content_is_quarantined_beside_the_first() -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": "a", "value": "first"})
        assert (await here.send({"id": "a", "value": "second"})).status == 200
        await here.settle()
        assert here.platform.effects == ["first"]
        (conflict,) = [m for m in await here.store.messages(connection="in") if m.state == "quarantined"]
        assert "other content" in conflict.reason

    on_stage(play, flow("put"))


def test_g05_what_is_quarantined_is_the_item_and_what_brought_it() -> None:
    """Not the whole request or page: one of several may be new, and another a repeat."""

    async def play(here: Stage) -> None:
        await here.send({"id": "a", "value": "first"})
        await here.send({"id": "b", "value": "new"}, {"id": "a", "value": "second"})
        await here.settle()
        assert sorted(here.platform.effects) == ["first", "new"]
        (conflict,) = [m for m in await here.store.messages(connection="in") if m.state == "quarantined"]
        arrival = await here.store.arrival(conflict.arrival_id)
        assert arrival is not None
        kept = await here.store.payloads([conflict.body, arrival.payload])
        assert json.decode(kept[conflict.body.id])["value"] == "second"
        assert [one["value"] for one in json.decode(kept[arrival.payload.id])] == ["new", "second"]

    on_stage(play, flow("put"))


def test_a_wrong_signature_is_refused_and_leaves_no_row() -> None:
    async def play(here: Stage) -> None:
        reply = await here.send({"id": "a", "value": "v"}, secret="guessed")
        assert reply.status == 401
        assert not await here.store.messages(connection="in")

    on_stage(play, flow("put"))


@pytest.mark.parametrize("fault", ["refused", 429])
@pytest.mark.parametrize("action", [*ONCE, "create_only"])
def test_what_was_definitely_not_done_is_sent_again(action: str, fault: str | int) -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = [fault]
        here.platform.faults["/put"] = [fault]
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        assert here.platform.effects == ["v"]
        assert await here.states() == {"delivered": 1}

    on_stage(play, flow(action))


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", 500, "html"])
@pytest.mark.parametrize("action", ONCE)
def test_an_unknown_outcome_is_resolved_to_one_record(action: str, fault: str | int) -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = [fault]
        here.platform.faults["/put"] = [fault]
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        assert await here.states() == {"delivered": 1}
        assert len(here.platform.records) == 1

    on_stage(play, flow(action))


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", 500, "html"])
def test_an_unknown_outcome_of_class_none_is_held_and_never_resent(fault: str | int) -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = [fault]
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        (row,) = await here.deliveries()
        assert row.state is DeliveryState.HELD
        assert len(here.platform.requests) == 1

    on_stage(play, flow("create_only"))


@pytest.mark.parametrize("fault", ["refused", 429])
def test_an_unknown_outcome_stays_unknown_until_a_repeat_is_let_in(fault: str | int) -> None:
    """That a repeat was not done says nothing of the first try: a newer state must not take its place and, with another
    key, make the record a second time."""

    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = ["lost_after", fault, fault]
        await here.send({"id": 1, "about": "a", "value": "first", "version": "1"})
        await here.clock.sleep(4)
        assert await here.states() == {"resolving": 1}
        await here.send({"id": 2, "about": "a", "value": "second", "version": "2"})
        await here.settle()
        assert await here.states() == {"delivered": 2}
        assert here.platform.effects == ["first", "second"]

    on_stage(play, flow("create_with_key", collapse="latest"))


def test_an_unknown_outcome_that_no_repeat_resolves_is_left_to_a_person() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = ["lost_after", *["refused"] * 20]
        await here.send({"id": 1, "value": "first"})
        await here.settle()
        assert await here.states() == {"held": 1}

    on_stage(play, flow("create_with_key"))


class CreateByWhatIsThere(CreateWithKey):
    """Reads twice, and says in the record what it read first."""

    name = "create_by_what_is_there"

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        first = yield Call("first", Http("GET", f"{BASE}/find/neighbour"))
        yield Call("second", Http("GET", f"{BASE}/find/other"))
        value = {"value": "after its neighbour" if first.answer["hits"] else "alone"}
        done = yield Call("send", self.request(replace(item, input=value)), EffectClass.NATIVE_KEY, (item.id,))
        return {item.id: Receipt(done.answer["id"])}


def test_an_effect_is_driven_again_over_the_answers_that_it_was_built_on() -> None:
    """The first run got one answer and no second one. What it was told is void: the run that sent was told another."""
    connector = FakeConnector(ConnectionSettings())
    connector.actions = {**connector.actions, "create_by_what_is_there": CreateByWhatIsThere()}

    async def play(here: Stage) -> None:
        here.platform.faults["/find/other"] = ["refused"]
        here.platform.faults["/create"] = ["lost_after"]
        await here.send({"id": "a", "value": "v"})
        await here.clock.sleep(0.5)
        here.platform.records["n"] = {"marker": "", "key": "neighbour", "value": "n"}
        await here.settle()
        assert await here.states() == {"delivered": 1}
        assert here.platform.effects == ["after its neighbour"]

    on_stage(play, flow("create_by_what_is_there", connector=connector))


def test_on_unknown_resend_sends_again_and_says_so() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = ["lost_after"]
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        assert here.platform.effects == ["v", "v"]

    on_stage(play, flow("create_only", on_unknown="resend"))


def test_a_retry_sends_the_same_bytes_under_the_same_key() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = ["lost_after", 500, "refused"]
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        assert len({request.freeze() for request in here.platform.requests}) == 1
        assert len(here.platform.requests) == 4

    on_stage(play, flow("create_with_key"))


def test_a_replayed_500_ends_with_a_person_and_not_in_a_loop() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = [500] * 100
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        (row,) = await here.deliveries()
        assert row.state is DeliveryState.HELD
        assert len(here.platform.requests) == 7

    on_stage(play, flow("create_with_key", retry=RetryPolicy(attempts=6)))


def test_a_rate_limit_uses_up_no_attempt_and_is_waited_for() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = [429] * 20
        started_at = here.clock.now()
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        (row,) = await here.deliveries()
        assert row.state is DeliveryState.DELIVERED
        assert row.attempts == 0
        assert here.clock.now() - started_at >= 20 * 7

    on_stage(play, flow("create_with_key", retry=RetryPolicy(attempts=3)))


def test_a_stale_request_is_built_anew_under_a_new_key() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = [409]
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        keys = [dict(request.headers)["idempotency-key"] for request in here.platform.requests]
        assert len(set(keys)) == 2
        assert here.platform.effects == ["v"]

    on_stage(play, flow("create_with_key"))


def test_a_refusal_is_dead_and_blocks_its_key_only() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = [422]
        await here.send({"id": "1", "about": "a", "value": "a1"})
        await here.settle()
        await here.send({"id": "2", "about": "a", "value": "a2"})
        await here.send({"id": "3", "about": "b", "value": "b1"})
        await here.settle(rest=frozenset({DeliveryState.DEAD, DeliveryState.WAITING}))
        assert here.platform.effects == ["b1"]
        assert await here.states() == {"dead": 1, "waiting": 1, "delivered": 1}

    on_stage(play, flow("create_with_key"))


def test_on_dead_skip_lets_the_key_go_on() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = [422]
        await here.send({"id": "1", "about": "a", "value": "a1"})
        await here.send({"id": "2", "about": "a", "value": "a2"})
        await here.settle()
        assert here.platform.effects == ["a2"]

    on_stage(play, flow("create_with_key", on_dead="skip"))


def test_deliveries_of_a_key_keep_their_order_through_faults() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = ["lost_after", 429, "refused", 500] * 5
        for number in range(10):
            await here.send({"id": number, "about": "a", "verb": "updated", "value": str(number)})
        await here.settle()
        assert here.platform.effects == [str(number) for number in range(10)]

    on_stage(play, flow("create_with_key", retry=RetryPolicy(attempts=30)))


def test_a_parked_key_delays_no_other() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/put/in:a"] = ["refused"] * 3
        await here.send({"id": "a", "value": "a"})
        for number in range(100):
            await here.send({"id": number, "value": str(number)})
        await here.clock.sleep(0.5)
        assert len(here.platform.effects) == 100
        await here.settle()
        assert here.platform.effects[-1] == "a"

    on_stage(play, flow("put"))


def test_latest_collapses_what_waits() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/put"] = ["refused"]
        await here.send({"id": "1", "about": "a", "value": "old"})
        await here.clock.sleep(0.5)
        for number in range(5):
            await here.send({"id": f"u{number}", "about": "a", "verb": "updated", "value": f"new{number}"})
            await here.clock.sleep(0.01)
        await here.settle()
        states = await here.states()
        assert states["superseded"] >= 1
        assert here.platform.effects[-1] == "new4"
        assert "old" not in here.platform.effects

    on_stage(play, flow("put", collapse="latest"))


def test_a_record_that_exists_already_is_adopted_and_not_made_twice() -> None:
    async def play(here: Stage) -> None:
        here.platform.records["old"] = {"id": "old", "marker": "", "key": "in:a", "value": "v", "writes": 1}
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        assert list(here.platform.records) == ["old"]
        (link,) = await here.store.cross_references(account="fake.example", model="thing", keys=["in:a"])
        assert link.remote_id == "old"

    on_stage(play, flow("create_and_look_up"))


def test_two_records_that_match_are_held_and_neither_is_guessed() -> None:
    async def play(here: Stage) -> None:
        for name in ("x", "y"):
            here.platform.records[name] = {"id": name, "marker": "", "key": "in:a", "value": "v", "writes": 1}
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        (row,) = await here.deliveries()
        assert row.state is DeliveryState.HELD
        assert "x" in row.reason
        assert "y" in row.reason

    on_stage(play, flow("create_and_look_up"))


def test_two_flows_that_create_the_same_record_make_one() -> None:
    async def play(here: Stage) -> None:
        here.platform.delay_s = 1.0
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        assert len(here.platform.records) == 1
        assert await here.states() == {"delivered": 2}

    on_stage(play, flow("create_and_look_up", name="one"), flow("create_and_look_up", name="two"))


def test_a_need_is_waited_for() -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": "order", "value": "order", "customer": "in:c"})
        await here.clock.sleep(5)
        assert here.platform.effects == []
        assert await here.states() == {"waiting": 1}
        await here.send({"id": "c", "value": "customer"})
        await here.settle()
        assert here.platform.effects == ["customer", "order"]

    on_stage(
        play,
        flow("create_with_key", needs=(need("thing", lambda data: data.get("customer")),)),
    )


def test_a_need_that_is_never_met_is_held() -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": "order", "value": "order", "customer": "in:c"})
        await here.settle()
        (row,) = await here.deliveries()
        assert row.state is DeliveryState.HELD
        assert "in:c" in row.reason

    on_stage(play, flow("create_with_key", needs=(need("thing", lambda data: data.get("customer"), 60.0),)))


INVOICE = flow("put", where=PythonMap(lambda data: "paid" not in data["value"]), collapse="latest")
PAYMENT = flow(
    "create_with_key",
    where=PythonMap(lambda data: "paid" in data["value"]),
    needs=(need("thing", lambda data: f"in:{data['about']}"),),
)


def test_a_need_is_the_entity_as_the_event_knew_it() -> None:
    """A payment does not overtake the update of its invoice that stands before it in the stream."""

    async def play(here: Stage) -> None:
        await here.send({"id": 1, "about": "a", "value": "made", "version": "1"})
        await here.settle()
        here.platform.faults["/put/in:a"] = [429, 429]
        await here.send(
            {"id": 2, "about": "a", "value": "raised", "version": "2"},
            {"id": 3, "about": "a", "value": "paid", "version": "3"},
        )
        await here.settle()
        assert here.platform.effects == ["made", "raised", "paid"]

    on_stage(play, INVOICE, PAYMENT)


def test_a_need_waits_for_the_newer_state_that_took_the_place_of_an_earlier_one() -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": 1, "about": "a", "value": "made", "version": "1"})
        await here.settle()
        here.platform.faults["/put/in:a"] = [429, 429]
        await here.send(
            {"id": 2, "about": "a", "value": "raised", "version": "2"},
            {"id": 3, "about": "a", "value": "paid", "version": "3"},
        )
        await here.clock.sleep(2)
        await here.send({"id": 4, "about": "a", "value": "raised again", "version": "4"})
        await here.settle()
        assert here.platform.effects == ["made", "raised again", "paid"]
        assert await here.states("put") == {"delivered": 2, "superseded": 1}

    on_stage(play, INVOICE, PAYMENT)


def test_a_need_does_not_wait_for_what_comes_after() -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": 1, "about": "a", "value": "made", "version": "1"})
        await here.settle()
        here.platform.faults["/put/in:a"] = [400] * 9
        await here.send(
            {"id": 2, "about": "a", "value": "paid", "version": "2"},
            {"id": 3, "about": "a", "value": "raised", "version": "3"},
        )
        await here.settle()
        assert await here.states("put") == {"delivered": 1, "dead": 1}
        assert here.platform.effects == ["made", "paid"]

    on_stage(play, INVOICE, PAYMENT)


def test_a_need_whose_earlier_change_is_never_made_is_held() -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": 1, "about": "a", "value": "made", "version": "1"})
        await here.settle()
        here.platform.faults["/put/in:a"] = [400] * 9
        await here.send(
            {"id": 2, "about": "a", "value": "raised", "version": "2"},
            {"id": 3, "about": "a", "value": "paid", "version": "3"},
        )
        await here.settle()
        (payment,) = await here.deliveries("create_with_key")
        assert payment.state is DeliveryState.HELD
        assert "earlier changes" in payment.reason

    on_stage(play, INVOICE, PAYMENT)


def test_a_need_that_does_not_come_by_itself_is_fetched() -> None:
    def record_of(record: Any) -> Any:
        return {"model": "thing", "verb": "created", "id": record["id"], "version": "", "data": record}

    async def play(here: Stage) -> None:
        here.platform.records["c"] = {"id": "c", "marker": "", "key": "", "value": "customer", "writes": 1}
        await here.send({"id": "order", "value": "order", "customer": "in:c"})
        await here.settle()
        assert here.platform.effects == ["customer", "order"]

    needs = (need("thing", lambda data: data.get("customer"), 60.0, "fetch"),)
    on_stage(play, flow("create_with_key", needs=needs), inbound=record_of)


@pytest.mark.parametrize("fault", ["refused", "lost_after", 500, 429])
def test_several_steps_happen_once_each(fault: str | int) -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = [fault]
        here.platform.faults["/put"] = [fault]
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        assert here.platform.effects.count("v") == 1
        assert sorted(here.platform.records) == ["label-r1", "r1"]
        assert await here.states() == {"delivered": 1}

    on_stage(play, flow("two_steps"))


def test_a_job_is_waited_for_without_holding_a_slot() -> None:
    async def play(here: Stage) -> None:
        started_at = here.clock.now()
        for number in range(3):
            await here.send({"id": number, "value": str(number)})
        await here.settle()
        assert await here.states() == {"delivered": 3}
        assert here.clock.now() - started_at < 70
        assert sorted(here.platform.effects) == ["0", "1", "2"]

    on_stage(play, flow("job", in_flight=1))


def test_a_batch_fails_item_by_item() -> None:
    async def play(here: Stage) -> None:
        for number in range(8):
            await here.send({"id": number, "value": "bad" if number == 3 else str(number)})
        await here.settle()
        assert await here.states() == {"delivered": 7, "dead": 1}
        assert len(here.platform.requests) < 8

    on_stage(play, flow("batch"))


@pytest.mark.parametrize("fault", ["refused", "lost_after", 500, 429])
def test_a_batch_that_failed_as_a_whole_goes_again(fault: str | int) -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/batch"] = [fault]
        for number in range(8):
            await here.send({"id": number, "value": str(number)})
        await here.settle()
        assert await here.states() == {"delivered": 8}
        assert len(here.platform.records) == 8

    on_stage(play, flow("batch"))


def test_one_failing_map_among_a_thousand_harms_no_other() -> None:
    def fails(data: Any) -> Any:
        return data if data["value"] != "13" else Outputs()

    async def play(here: Stage) -> None:
        for number in range(1000):
            await here.send({"id": number, "value": str(number)})
        await here.settle()
        assert await here.states() == {"delivered": 999, "dead": 1}

    on_stage(play, flow("put", map=PythonMap(fails)))


def test_a_fact_is_never_written_back_to_the_account_it_came_from() -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": "theirs", "value": "v"}, connection="out")
        await here.settle()
        assert here.platform.effects == []
        assert (await here.store.counts())["flow/put", "skipped:own_echo"] == 1

    on_stage(play, flow("put"))


def test_what_a_filter_leaves_out_is_counted() -> None:
    async def play(here: Stage) -> None:
        for number in range(10):
            await here.send({"id": number, "value": str(number), "wanted": number < 4})
        await here.settle()
        counts = await here.store.counts()
        assert counts["flow/put", "read"] == 10
        assert counts["flow/put", "skipped:filtered"] == 6
        assert counts["flow/put", "planned"] == 4

    on_stage(play, flow("put", where=PythonMap(lambda data: data["wanted"])))


def test_a_message_without_a_usable_id_is_quarantined() -> None:
    def nameless(item: Any) -> Any:
        return {"model": "thing", "verb": "created", "id": item.get("name"), "version": "", "data": item}

    async def play(here: Stage) -> None:
        for bad in ({}, {"name": None}, {"name": {"a": 1}}, {"name": ""}):
            await here.send({"id": str(bad), "value": "v", **bad})
        await here.send({"id": "good", "name": "n", "value": "v"})
        await here.settle()
        assert here.platform.effects == ["v"]
        states = [message.state for message in await here.store.messages(connection="in")]
        assert states.count("quarantined") == 4

    on_stage(play, flow("put"), inbound=nameless)


def test_ids_alone_are_hydrated() -> None:
    async def play(here: Stage) -> None:
        here.platform.records["t1"] = {"id": "t1", "marker": "", "key": "", "value": "fetched", "writes": 1}
        here.platform.faults["/read"] = ["refused", 500]
        await here.send({"id": "m", "topic": "thing.id", "about": "t1"})
        await here.settle()
        assert here.platform.effects == ["fetched"]

    on_stage(play, flow("put"))


def test_a_record_that_is_gone_is_ignored_and_counted() -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": "m", "topic": "thing.id", "about": "gone"})
        await here.settle()
        (message,) = await here.store.messages(connection="in")
        assert message.state == "ignored"

    on_stage(play, flow("put"))


def test_an_older_version_that_comes_late_overwrites_nothing() -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": "2", "about": "a", "version": "2026-02", "value": "new"})
        await here.settle()
        await here.send({"id": "1", "about": "a", "version": "2026-01", "value": "old"})
        await here.settle()
        assert here.platform.effects == ["new"]
        assert (await here.store.counts())["flow/put", "skipped:stale"] == 1

    on_stage(play, flow("put", collapse="latest"))


def test_a_dead_destination_opens_its_breaker_and_the_backlog_stays_in_the_stream() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/put"] = ["refused"] * 60
        for number in range(600):
            await here.send({"id": number, "value": str(number)})
        await here.clock.sleep(20)
        assert len(here.platform.requests) < 30
        await here.settle()
        assert await here.states() == {"delivered": 600}

    on_stage(play, flow("put", in_flight=4, retry=RetryPolicy(attempts=50)))


def test_g07_keys_that_fail_for_good_do_not_keep_a_well_destination_shut() -> None:
    """They open the breaker; whether it may close again shows one that was not tried yet."""

    async def play(here: Stage) -> None:
        for number in range(6):
            here.platform.faults[f"/put/in:bad{number}"] = [500] * 1000
            await here.send({"id": f"bad{number}", "value": "bad"})
        await here.clock.sleep(10.0)
        assert here.hub.exchanger.trouble("fake.example")
        for number in range(20):
            await here.send({"id": f"good{number}", "value": f"good{number}"})
            await here.clock.sleep(3.0)
        await here.clock.sleep(60.0)
        there = [value for value in here.platform.effects if value != "bad"]
        assert sorted(there) == sorted(f"good{number}" for number in range(20))

    on_stage(play, flow("put", retry=RetryPolicy(attempts=1000, max_delay_s=1.0)))


class TestWhatAPersonDecides:
    def test_a_dead_delivery_is_retried_with_new_bytes(self) -> None:
        async def play(here: Stage) -> None:
            here.platform.faults["/create"] = [422]
            await here.send({"id": "a", "value": "v"})
            await here.settle()
            (row,) = await here.deliveries()
            await Operator(here.hub.context, "anna").retry(row)
            await here.hub.deliverers["create_with_key"].wake_key(row.partitionkey)
            await here.settle()
            assert here.platform.effects == ["v"]
            keys = [dict(request.headers)["idempotency-key"] for request in here.platform.requests]
            assert len(set(keys)) == len(keys) == 2, "a platform may answer a key that it refused as it did before"

        on_stage(play, flow("create_with_key"))

    def test_a_held_delivery_is_adopted(self) -> None:
        async def play(here: Stage) -> None:
            here.platform.faults["/create"] = ["lost_after"]
            await here.send({"id": "a", "value": "v"})
            await here.settle()
            (row,) = await here.deliveries()
            await Operator(here.hub.context, "anna").adopt(row, "r1")
            await here.settle()
            assert await here.states() == {"delivered": 1}
            (link,) = await here.store.cross_references(account="fake.example", model="thing", keys=["in:a"])
            assert link.remote_id == "r1"

        on_stage(play, flow("create_only"))

    def test_a_held_delivery_is_resent_on_a_persons_word_only(self) -> None:
        async def play(here: Stage) -> None:
            here.platform.faults["/create"] = ["lost_before"]
            await here.send({"id": "a", "value": "v"})
            await here.settle()
            (row,) = await here.deliveries()
            await Operator(here.hub.context, "anna").resend(row)
            await here.hub.deliverers["create_only"].wake_key(row.partitionkey)
            await here.settle()
            assert here.platform.effects == ["v"]

        on_stage(play, flow("create_only"))

    def test_perform_again_is_the_only_way_to_a_second_effect(self) -> None:
        async def play(here: Stage) -> None:
            await here.send({"id": "a", "value": "v"})
            await here.settle()
            (row,) = await here.deliveries()
            await here.hub.rewind("create_only", "anna")
            await here.settle()
            assert here.platform.effects == ["v"]
            await Operator(here.hub.context, "anna").perform_again(row)
            await here.hub.deliverers["create_only"].wake_key(row.partitionkey)
            await here.settle()
            assert here.platform.effects == ["v", "v"]

        on_stage(play, flow("create_only"))
