"""Those who wait to be acknowledged go before what is safe already, which goes on all the same."""

from __future__ import annotations

from crossdock.engine.normalise import BATCH, CROWD, PACE_S
from crossdock.testing.stage import Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually


async def _done(here: Stage) -> int:
    return (await here.states())["delivered"]


def test_while_a_crowd_waits_to_be_acknowledged_messages_are_normalised_at_a_slower_pace_and_all_of_them() -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            context = here.hub.context
            context.taking = CROWD
            for number in range(2 * BATCH):
                await here.send({"id": number, "value": "v"})
            assert not await _done(here)
            await here.clock.sleep(4 * PACE_S)
            assert await _done(here)
            await here.clock.sleep(20 * PACE_S)
            assert await _done(here) == 2 * BATCH
            context.taking = 0
            await here.send({"id": "later", "value": "v"})
            await here.clock.sleep(PACE_S / 10)
            assert await _done(here) == 2 * BATCH + 1

    run_virtually(play())


def test_who_is_answered_waits_no_more_also_where_nothing_was_accepted() -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            await here.store.close()
            assert (await here.send({"id": 0, "value": "v"})).status == 503
            assert here.hub.context.taking == 0

    run_virtually(play())
