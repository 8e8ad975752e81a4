"""A person says which record a held delivery has made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from crossdock.core.delivery import Delivery
from crossdock.core.errors import UsageError
from crossdock.core.flow import Flow
from crossdock.core.states import DeliveryState
from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine.operate import Operator
from crossdock.testing.stage import Outputs, PythonMap, Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually


def on_stage(play: Callable[[Stage], Awaitable[None]], *flows: Flow) -> None:
    async def acts() -> None:
        async with stage(landscape(*flows)) as here:
            await play(here)

    run_virtually(acts())


def lines(data: Any) -> Any:
    return Outputs({"item": name, "input": {"value": name}} for name in data["lines"])


async def held(here: Stage) -> Delivery:
    (row,) = [row for row in await here.deliveries() if row.state is DeliveryState.HELD]
    return row


async def link(here: Stage, key: str) -> CrossReference:
    (found,) = await here.store.cross_references(account="fake.example", model="thing", keys=[key])
    return found


async def anna(here: Stage, remote_id: str, *, item: str = "", shared: bool = False) -> Delivery:
    row = await held(here)
    await Operator(here.hub.context, "anna").adopt(row, remote_id, item=item, shared=shared)
    await here.hub.deliverers[row.flow].wake_key(row.partitionkey)
    (row,) = await here.store.deliveries([row.id])
    return row


def test_of_one_item_its_own_key_is_linked_and_its_claim_ends() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = ["lost_after"]
        await here.send({"id": 1, "about": "a", "value": "1", "lines": ["x"]})
        await here.settle()
        assert (await anna(here, "r1")).state is DeliveryState.DELIVERED
        found = await link(here, "in:a#x")
        assert (found.state, found.remote_id) == (LinkState.LINKED, "r1")
        assert not await here.store.cross_references(account="fake.example", model="thing", keys=["in:a"])

    on_stage(play, flow("create_only", each=True, map=PythonMap(lines)))


def test_of_several_items_each_is_named_and_the_delivery_is_held_until_all_are() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = ["lost_after"]
        await here.send({"id": 1, "about": "a", "value": "1", "lines": ["x", "y"]})
        await here.settle()
        for item in ("", "z"):
            with pytest.raises(UsageError) as told:
                await anna(here, "r1", item=item)
            assert "x, y" in told.value.hint
        assert (await anna(here, "r1", item="x")).state is DeliveryState.HELD
        assert (await anna(here, "r2")).state is DeliveryState.DELIVERED
        assert [(await link(here, f"in:a#{name}")).remote_id for name in "xy"] == ["r1", "r2"]

    on_stage(play, flow("create_only", each=True, map=PythonMap(lines)))


async def second_of_one_record(here: Stage) -> None:
    """in:a has r1; what in:b made is not known."""
    await here.send({"id": 1, "about": "a", "value": "first"})
    await here.settle()
    here.platform.faults["/create"] = ["lost_before"]
    await here.send({"id": 2, "about": "b", "value": "second"})
    await here.settle()


def test_a_record_that_another_entity_has_is_not_adopted_and_its_owner_is_named() -> None:
    async def play(here: Stage) -> None:
        await second_of_one_record(here)
        with pytest.raises(UsageError, match="r1 is the record of in:a already") as told:
            await anna(here, "r1")
        assert "--shared" in told.value.hint
        assert (await held(here)).key == "in:b"

    on_stage(play, flow("create_only"))


def test_two_entities_may_be_one_there_if_a_person_says_so() -> None:
    async def play(here: Stage) -> None:
        await second_of_one_record(here)
        assert (await anna(here, "r1", shared=True)).state is DeliveryState.DELIVERED
        assert (await link(here, "in:a")).remote_id == "r1"
        found = await link(here, "in:b")
        assert (found.state, found.moved_to) == (LinkState.MOVED, "in:a")

    on_stage(play, flow("create_only"))


def test_who_comes_too_late_is_told_in_words() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = ["lost_after"]
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        row = await held(here)
        operator = Operator(here.hub.context, "anna")
        await operator.discard(row)
        for act in (operator.adopt(row, "r1"), operator.resend(row), operator.discard(row)):
            with pytest.raises(UsageError) as told:
                await act
            assert told.value.what == f"it has changed meanwhile: delivery {row.id} is discarded"

    on_stage(play, flow("create_only"))
