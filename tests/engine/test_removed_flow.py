"""What a flow leaves behind that the project has no more: a person clears it away, and nobody waits for it for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossdock.core.errors import UsageError
from crossdock.core.states import DeliveryState
from crossdock.engine.operate import Operator
from crossdock.testing.stage import flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually


def test_its_held_delivery_can_only_be_discarded_and_gives_back_its_claim(tmp_path: Path) -> None:
    async def play() -> None:
        path = tmp_path / "hub.db"
        async with stage(landscape(flow("create_only", name="old")), path=path) as here:
            here.platform.faults["/create"] = ["lost_before"]
            await here.send({"id": 1, "about": "a", "value": "first"})
            await here.settle()
        async with stage(landscape(flow("put", name="new")), path=path, clock=here.clock) as here:
            await here.clock.sleep(30.0)
            (waiting,) = await here.deliveries("new")
            assert waiting.state is DeliveryState.WAITING
            (held,) = await here.deliveries("old")
            operator = Operator(here.hub.context, "anna")
            for act in (operator.retry(held), operator.resend(held), operator.adopt(held, "r1")):
                with pytest.raises(UsageError, match="no flow 'old' any more"):
                    await act
            await operator.discard(held)
            await here.settle()
            assert here.platform.effects == ["first"]

    run_virtually(play())
