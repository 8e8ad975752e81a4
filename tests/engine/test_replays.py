"""A person replays all dead letters at once, and more than once, while their destination is still down."""

import contextlib

from crossdock.core.errors import UsageError
from crossdock.core.retry import RetryPolicy
from crossdock.engine.operate import Operator
from crossdock.testing.stage import Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually

MANY = 500


async def replay(here: Stage) -> int:
    """How many there were to replay."""
    replayed = 0
    for row in await here.deliveries():
        with contextlib.suppress(UsageError):
            await Operator(here.hub.context, "anna").retry(row)
            await here.hub.deliverers["create_with_key"].wake_key(row.partitionkey)
            replayed += 1
    return replayed


def test_a_replay_at_a_destination_that_is_down_is_held_back_by_the_breaker_and_doubles_nothing() -> None:
    async def acts() -> None:
        async with stage(landscape(flow("create_with_key", retry=RetryPolicy(attempts=50)))) as here:
            here.platform.faults["/create"] = [422] * MANY
            for number in range(MANY):
                await here.send({"id": number, "value": str(number)})
            await here.settle()
            assert await here.states() == {"dead": MANY}
            before = {row.id for row in await here.deliveries()}
            asked = len(here.platform.requests)
            here.platform.faults["/create"] = ["refused"] * 10_000
            assert await replay(here) == MANY
            await here.clock.sleep(60)
            assert await replay(here) == 0
            await here.clock.sleep(60)
            assert len(here.platform.requests) - asked < MANY / 4
            assert {(row.id, row.generation) for row in await here.deliveries()} == {(one, 0) for one in before}
            here.platform.faults["/create"].clear()
            await here.settle()
            assert await here.states() == {"delivered": MANY}
            assert sorted(here.platform.effects, key=int) == [str(number) for number in range(MANY)]

    run_virtually(acts())
