"""A hub whose memory is taken away while it works."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from crossdock.core.delivery import ExchangeState
from crossdock.core.states import DeliveryState
from crossdock.core.work import Committed, DeliveryMove, ExchangeMove, Work
from crossdock.engine.poison import WHY
from crossdock.stores import open_store
from crossdock.testing.chaos import memory
from crossdock.testing.chaos.deciding import held_for, let_go
from crossdock.testing.chaos.ending import finish
from crossdock.testing.chaos.landing import FLOWS, Senders, project_of
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.oracle import oracle
from crossdock.testing.chaos.reckoning import judge
from crossdock.testing.live import HubProcess, store_url_of


@pytest.mark.timeout(120)
def test_g15_a_hub_that_is_ever_shorter_of_memory_loses_nothing_and_blames_no_message_for_it(
    needs: Callable[[str], None],
) -> None:
    needs(memory.lacks())
    ledger = memory.shortages(3, lives=1)
    assert ledger.clean, "\n".join(ledger.findings)
    assert ledger.kills["memory"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("point", ["intent.committed", "send.done"])
def test_what_was_set_aside_and_may_have_happened_is_decided_by_looking(tmp_path: Path, point: str) -> None:
    """Such a delivery is refused a retry: nobody may call it lost who has not decided."""
    chance, ledger = random.Random(7), Ledger(trials=1)
    with oracle(chance, FLOWS) as there:
        project, senders = project_of(tmp_path / "p", there.urls), Senders(chance)
        for _ in range(12):  # whichever flow is first dies: until it was the one that looks up
            senders.more(1)
            with HubProcess(project, environment={"CROSSDOCK_CRASH": f"{point}:3"}) as hub:
                senders.send_to(hub)
                hub.process.wait(20)
            asyncio.run(_set_aside(project))
            held = asyncio.run(held_for(project, WHY))
            if any(flow == "lookup" for flow, _ in held):
                break
        assert any(flow == "lookup" for flow, _ in held)
        let_go(project, held, there)
        finish(ledger, project, senders)
        asyncio.run(judge(ledger, project, senders, there))
        left = asyncio.run(held_for(project, WHY))
    assert {flow for flow, _ in left} <= {"none"}
    assert ledger.clean, "\n".join(ledger.findings)


async def _set_aside(project: Path) -> None:
    """What was under way, as a third death would."""
    store = open_store(store_url_of(project))
    try:
        for row in await store.deliveries(states=[DeliveryState.SENDING]):
            moves = [
                ExchangeMove(one.id, one.state, ExchangeState.UNKNOWN, why=WHY, ended_at=1.0)
                for one in await store.exchanges([row.id])
                if one.state is ExchangeState.INTENT
            ]
            move = DeliveryMove(row.id, row.state, DeliveryState.HELD, reason=WHY)
            work = Work(f"{row.id:0>32}"[:32], delivery_moves=(move,), exchange_moves=tuple(moves))
            assert isinstance(await store.apply(work), Committed)
    finally:
        await store.close()
