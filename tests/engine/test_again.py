"""A quarantined message is read again on a person's word, while its connection goes on reading."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from crossdock.core import json
from crossdock.core.errors import CrossdockError
from crossdock.core.flow import Inlet
from crossdock.core.keys import EntityKeys
from crossdock.core.message import Message
from crossdock.core.work import Link, Work
from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine.audit import audit
from crossdock.testing.stage import Outputs, Stage, flow, landscape, stage, thing
from crossdock.testing.virtual_clock import run_virtually


async def quarantined(here: Stage) -> Sequence[Message]:
    return [m for m in await here.store.messages(connection="in") if m.state == "quarantined"]


def test_why_a_message_is_still_not_understood_is_todays_reason() -> None:
    reads: list[Any] = [lambda item: Outputs(), lambda item: {"model": "nothing"}, thing]

    async def play() -> None:
        world = landscape(flow("put"), inbound=lambda item: reads[0](item))
        async with stage(world) as here:
            await here.send({"id": "a", "value": "v"})
            await here.settle()
            (message,) = await quarantined(here)
            assert "made nothing" in message.reason
            normaliser = here.hub.normalisers["in"]

            reads.pop(0)
            assert "must make objects" in await normaliser.again(message)
            (message,) = await quarantined(here)
            assert "must make objects" in message.reason
            assert here.tally.seen["quarantined", "in"] == 1

            reads.pop(0)
            assert await normaliser.again(message) == ""
            await here.settle()
            assert here.platform.effects == ["v"]
            assert all(one.agrees for one in await audit(here.store))

    run_virtually(play())


def test_that_a_record_cannot_be_read_right_now_is_said_and_blamed_on_no_map() -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            here.platform.records["1"] = {"id": "1", "value": "v"}
            here.platform.faults["/read"] = [403, 500]
            await here.send({"id": "a", "topic": "thing.id", "about": "1"})
            await here.settle()
            (message,) = await quarantined(here)
            normaliser = here.hub.normalisers["in"]
            with pytest.raises(CrossdockError, match=r"cannot be read right now: .*500"):
                await normaliser.again(message)
            assert await normaliser.again(message) == ""

    run_virtually(play())


@pytest.mark.parametrize(
    "said",
    [
        {"model": ["thing"], "verb": "created", "id": 1, "data": {}},
        {"model": "thing", "verb": None, "id": 1, "data": {}},
        {"model": "thing", "verb": {}, "id": 1, "data": {}},
        ["thing"],
        "thing",
        None,
    ],
)
def test_whatever_an_inbound_map_makes_stops_no_hub(said: Any) -> None:
    async def play() -> None:
        world = landscape(flow("put"), inbound=lambda item: said if item["id"] == "bad" else thing(item))
        async with stage(world) as here:
            await here.send({"id": "bad"}, {"id": "good", "value": "v"})
            await here.settle()
            assert len(await quarantined(here)) == 1
            assert here.platform.effects == ["v"]

    run_virtually(play())


def test_a_record_that_no_connector_can_fetch_any_more_is_quarantined() -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            here.hub.context.landscape.connections["in"].connector.hydrates.clear()  # type: ignore[attr-defined]
            await here.send({"id": "a", "topic": "thing.id", "about": "1"}, {"id": "b", "value": "v"})
            await here.settle()
            (message,) = await quarantined(here)
            assert "'thing'" in message.reason
            assert here.platform.effects == ["v"]

    run_virtually(play())


def test_reading_again_beside_the_run_mixes_no_entities_up() -> None:
    """Both use the same inlet; while one asks for the entities that its map named, the other runs its map."""

    async def play() -> None:
        keys = EntityKeys("in")

        class Named:
            """Each record names an order and its buyer."""

            def run(self, value: Any, *, now: float = 0.0, **variables: Any) -> Sequence[Any]:
                if "broken" in value and not mended:
                    return []
                data = {"value": "", **{model: keys(model, value["order"]) for model in ("order", "buyer")}}
                return [{"model": "thing", "verb": "created", "id": value["id"], "data": data}]

        mended: list[bool] = []
        world = landscape(flow("put"))
        world.connections["in"].inlets["thing"] = Inlet("thing", Named(), keys)  # type: ignore[index]
        async with stage(world) as here:
            linked = [
                CrossReference("in.example", model, f"{model}:{number}", LinkState.LINKED, remote_id=str(number))
                for number in (1, 2)
                for model in ("order", "buyer")
            ]
            await here.store.apply(Work("links", cross_references=tuple(Link(one) for one in linked)))
            await here.send({"id": "a", "order": "1", "broken": True})
            await here.settle()
            (message,) = await quarantined(here)
            mended.append(True)
            look_up = here.store.cross_references

            async def slow(**wanted: Any) -> Sequence[CrossReference]:
                await here.clock.sleep(1.0)
                return await look_up(**wanted)

            here.store.cross_references = slow  # type: ignore[method-assign]
            again = asyncio.create_task(here.hub.normalisers["in"].again(message))
            await here.clock.sleep(0.5)
            await here.send({"id": "b", "order": "2"})
            assert await again == ""
            await here.settle()
            for key, number in (("in:a", 1), ("in:b", 2)):
                (event,) = await here.store.events(key=key)
                assert json.decode(event.data) == {"value": "", "order": f"order:{number}", "buyer": f"buyer:{number}"}

    run_virtually(play())
