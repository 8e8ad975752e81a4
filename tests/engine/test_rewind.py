"""A flow that is set back to what is left of the stream."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crossdock.core.errors import UsageError
from crossdock.engine.audit import audit
from crossdock.engine.operate import Operator
from crossdock.engine.retain import Retention
from crossdock.testing.stage import flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually


def test_a_flow_set_back_after_a_clean_up_reads_what_is_left_and_its_sums_agree() -> None:
    kept = dict.fromkeys(("payloads", "messages", "events", "effects"), 60.0)

    async def play() -> None:
        async with stage(replace(landscape(flow("put")), retention_s=kept)) as here:
            await here.send({"id": "old", "value": "old"})
            await here.settle()
            await here.clock.sleep(100.0)
            await here.send({"id": "new", "value": "new"})
            await here.settle()
            await Retention(here.hub.context).once()
            assert not await here.store.events(key="in:old")
            await here.hub.rewind("put", "anna")
            await here.settle()
            assert all(one.agrees for one in await audit(here.store))
            assert list(await here.store.positions("flow/put", "events")) == list(await here.store.heads("events"))
            assert here.platform.effects == ["old", "new"]

    run_virtually(play())


def test_g27_a_flow_set_back_makes_no_effect_again_though_another_flow_keeps_the_event() -> None:
    kept = dict.fromkeys(("payloads", "messages", "events", "effects"), 60.0)

    async def play() -> None:
        async with stage(replace(landscape(flow("put"), flow("create_only")), retention_s=kept)) as here:
            here.platform.faults["/create"] = ["lost_after"]
            await here.send({"id": "a", "value": "v"})
            await here.settle()
            assert await here.states("create_only") == {"held": 1}
            await here.clock.sleep(100.0)
            await Retention(here.hub.context).once()
            await here.hub.rewind("put", "anna")
            await here.settle()
            assert here.platform.effects == ["v", "v"], "one of each flow"

    run_virtually(play())


def test_a_flow_set_back_after_something_was_performed_again_counts_nothing_twice() -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            for number in (1, 2):
                await here.send({"id": number, "about": "a", "verb": "updated", "value": str(number)})
            await here.settle()
            first = min(await here.deliveries(), key=lambda row: row.number)
            await Operator(here.hub.context, "anna").perform_again(first)
            await here.hub.moved("put", first.partitionkey)
            await here.settle()
            await here.hub.rewind("put", "anna")
            await here.settle()
            assert all(one.agrees for one in await audit(here.store))
            assert here.platform.effects == ["1", "2", "1"]

    run_virtually(play())


def test_what_nobody_remembers_is_not_performed_again() -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            await here.send({"id": "a", "value": "v"})
            await here.settle()
            (row,) = await here.deliveries()
            await here.store.prune({"events": here.clock.now() + 1.0}, 10)
            with pytest.raises(UsageError, match="older than the project keeps events"):
                await Operator(here.hub.context, "anna").perform_again(row)

    run_virtually(play())
