"""Who creates a record has the claim on it. What becomes of the others when that one dies, or makes several."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest

from crossdock.core.connector import Call, ConnectionSettings, Found, Outbound, Receipt, Steps
from crossdock.core.flow import Flow
from crossdock.core.states import DeliveryState
from crossdock.core.wire import Http
from crossdock.core.work import Link, Work
from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine.links import LinkBoard
from crossdock.engine.operate import Operator
from crossdock.testing.fake_connector import CreateWithKey, FakeConnector, Put, TwoSteps
from crossdock.testing.fake_platform import BASE
from crossdock.testing.stage import Outputs, PythonMap, Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually


class TwoStepsAndLookUp(TwoSteps):
    """Knows its record again by the hub's key, once the index shows it."""

    name = "two_steps_and_look_up"
    settle_s = 30.0
    match = ("key",)
    finds = True

    def find(self, item: Outbound) -> Steps[Found | None]:
        done = yield Call("find", Http("GET", f"{BASE}/find/{item.key}"))
        hits = done.answer["hits"]
        return Found(Receipt(remote_id=hits[0])) if hits else None

    def perform(self, items: Any) -> Any:
        (item,) = items
        if item.remote_id:
            return {item.id: Receipt(remote_id=item.remote_id)}
        return (yield from super().perform(items))


def with_look_up() -> FakeConnector:
    connector = FakeConnector(ConnectionSettings())
    connector.actions["two_steps_and_look_up"] = TwoStepsAndLookUp()
    return connector


def on_stage(play: Callable[[Stage], Awaitable[None]], *flows: Flow) -> None:
    async def acts() -> None:
        async with stage(landscape(*flows)) as here:
            await play(here)

    run_virtually(acts())


async def half_made(here: Stage, then: str = "second") -> None:
    """The first delivery makes its record, is refused at its second step, and is dead; then another event comes."""
    here.platform.faults["/put"] = [422]
    await here.send({"id": 1, "about": "a", "value": "first"})
    await here.settle()
    await here.send({"id": 2, "about": "a", "value": then, "version": "2"})


def test_what_a_dead_delivery_has_made_in_part_is_no_riddle_for_the_next_one() -> None:
    async def play(here: Stage) -> None:
        await half_made(here)
        await here.settle(within_s=600.0)
        dead, held = await here.deliveries()
        assert (dead.state, held.state) == (DeliveryState.DEAD, DeliveryState.HELD)
        assert dead.id in held.reason
        assert here.platform.effects == ["first"]

        await Operator(here.hub.context, "anna").adopt(held, "r1")
        await here.hub.deliverers["two_steps"].wake_key(held.partitionkey)
        await here.send({"id": 3, "about": "a", "value": "third", "version": "3"})
        await here.settle()
        assert [row.state for row in await here.deliveries()] == ["dead", "delivered", "delivered"]

    on_stage(play, flow("two_steps", on_dead="skip"))


def test_what_a_dead_delivery_has_made_is_found_by_the_next_one_when_it_can_be_seen() -> None:
    async def play(here: Stage) -> None:
        await half_made(here)
        await here.clock.sleep(5.0)
        assert await here.states() == {"dead": 1, "waiting": 1}
        await here.settle(within_s=600.0)
        assert await here.states() == {"dead": 1, "delivered": 1}
        assert here.platform.effects == ["first"]
        (link,) = await here.store.cross_references(account="fake.example", model="thing", keys=["in:a"])
        assert link.remote_id == "r1"

    on_stage(play, flow("two_steps_and_look_up", connector=with_look_up(), on_dead="skip"))


def test_who_waits_for_a_dead_creator_goes_on_when_that_one_is_retried() -> None:
    async def play(here: Stage) -> None:
        await half_made(here)
        await here.settle(within_s=600.0)
        dead, held = await here.deliveries()
        operator = Operator(here.hub.context, "anna")
        await operator.retry(dead)
        await here.hub.deliverers["two_steps"].wake_key(dead.partitionkey)
        await here.settle()
        (held,) = [row for row in await here.deliveries() if row.state is DeliveryState.HELD]
        await operator.retry(held)
        await here.hub.deliverers["two_steps"].wake_key(held.partitionkey)
        await here.settle()
        assert await here.states() == {"delivered": 2}

    on_stage(play, flow("two_steps", on_dead="skip"))


def lines(data: Any) -> Any:
    return Outputs({"item": name, "input": {"value": f"{name}{data['value']}"}} for name in data["lines"])


def test_a_new_item_beside_known_ones_is_made_and_the_others_are_not_claimed_again() -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": 1, "about": "a", "value": "1", "lines": ["x"]})
        await here.settle()
        await here.send({"id": 2, "about": "a", "value": "2", "lines": ["x", "y"], "version": "2"})
        await here.settle(within_s=60.0)
        assert await here.states() == {"delivered": 2}
        assert here.platform.effects == ["x1", "x2", "y2"]

    on_stage(play, flow("put", each=True, map=PythonMap(lines)))


class Nameless(Put):
    """Its platform answers without an id."""

    name = "nameless"

    def receipt(self, item: Outbound, answer: Any) -> Receipt:
        return Receipt()


def test_a_record_whose_id_nobody_told_keeps_no_later_event_waiting() -> None:
    connector = FakeConnector(ConnectionSettings())
    connector.actions["nameless"] = Nameless()

    async def play(here: Stage) -> None:
        for number in (1, 2, 3):
            await here.send({"id": number, "about": "a", "value": str(number), "version": str(number)})
            await here.settle(within_s=60.0)
        assert here.platform.effects == ["1", "2", "3"]

    on_stage(play, flow("nameless", connector=connector))


class SameForAll(CreateWithKey):
    """Its platform, or a wrong path in its settings, answers everybody with one id."""

    name = "same_for_all"

    def receipt(self, item: Outbound, answer: Any) -> Receipt:
        return Receipt(remote_id="the-account")


def test_two_entities_are_not_written_into_one_record_by_an_action_that_only_creates() -> None:
    connector = FakeConnector(ConnectionSettings())
    connector.actions["same_for_all"] = SameForAll()

    async def play(here: Stage) -> None:
        await here.send({"id": 1, "about": "a", "value": "1"})
        await here.settle()
        await here.send({"id": 2, "about": "b", "value": "2"})
        await here.settle(within_s=60.0)
        first, second = await here.deliveries()
        assert first.state is DeliveryState.DELIVERED
        assert second.state is DeliveryState.HELD
        assert "the-account, which is the record of in:a" in second.reason

        await Operator(here.hub.context, "anna").adopt(second, "own")
        await here.settle(within_s=60.0)
        (link,) = await here.store.cross_references(account="fake.example", model="thing", keys=["in:b"])
        assert (link.state, link.remote_id) == (LinkState.LINKED, "own")
        assert await here.states() == {"delivered": 2}
        assert here.platform.effects == ["1", "2"]

    on_stage(play, flow("same_for_all", connector=connector))


def test_one_item_that_shares_its_record_takes_no_link_from_the_others() -> None:
    async def play(here: Stage) -> None:
        known = [
            CrossReference("fake.example", "thing", "in:b", LinkState.LINKED, remote_id="in:b"),
            CrossReference("fake.example", "thing", "in:a#y", LinkState.MOVED, moved_to="in:b"),
        ]
        await here.store.apply(Work("known", cross_references=tuple(Link(one) for one in known)))
        for number in (1, 2):
            await here.send({"id": number, "about": "a", "value": str(number), "lines": ["x", "y"]})
            await here.settle(within_s=60.0)
        assert here.platform.effects == ["x1", "y1", "x2", "y2"]
        (link,) = await here.store.cross_references(account="fake.example", model="thing", keys=["in:a#x"])
        assert link.state is LinkState.LINKED

    on_stage(play, flow("put", each=True, map=PythonMap(lines)))


def test_a_record_that_its_owner_gave_up_in_between_is_no_alias_of_itself() -> None:
    async def play(here: Stage) -> None:
        owner = CrossReference("fake.example", "thing", "in:b", LinkState.LINKED, remote_id="in:a")
        await here.store.apply(Work("owner", cross_references=(Link(owner),)))
        look_up = here.store.cross_references

        async def moved(**wanted: Any) -> Sequence[CrossReference]:
            if wanted.get("remote_ids"):
                gone = CrossReference("fake.example", "thing", "in:b", LinkState.LINKED, remote_id="another")
                await here.store.apply(Work("gone", cross_references=(Link(gone),)))
            return await look_up(**wanted)

        here.store.cross_references = moved  # type: ignore[method-assign]
        await here.send({"id": 1, "about": "a", "value": "v"})
        await here.settle(within_s=60.0)
        (link,) = await look_up(account="fake.example", model="thing", keys=["in:a"])
        assert (link.state, link.remote_id) == (LinkState.LINKED, "in:a")

    on_stage(play, flow("put"))


def test_who_waits_for_what_never_comes_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossdock.engine.links.MOST", 10)
    board = LinkBoard()
    told: list[int] = []
    for number in range(100):
        board.wait(("account", "thing", str(number)), partial(told.append, number))
    for number in range(100):
        board.linked(("account", "thing", str(number)))
    assert told == list(range(90, 100))
