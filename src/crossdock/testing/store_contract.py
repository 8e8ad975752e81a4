"""The contract that every store keeps, as a class of tests for pytest with pytest-asyncio (mode `auto`).

Subclass it, and say how the store of a test is opened:

    class TestMyStore(StoreContract):
        async def open_store(self) -> Store:
            return MyStore(self.folder / "hub")

and give its tests, in the `conftest.py` beside them, a new folder and an open store each:

    @pytest.fixture
    async def store(request, tmp_path):
        request.instance.folder = tmp_path
        store = await request.instance.open_store()
        yield store
        await store.close()

`open_store` is called again by the tests that restart: after `close`, it opens what was closed.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from crossdock.core.ids import partition_of
from crossdock.core.states import DeliveryState
from crossdock.core.store import Cell, Store
from crossdock.core.work import CellWrite, Count, LaneFence, Link, Position, Work
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.appends import Appends, Works
from crossdock.testing.store_promises.guards import Guards, Moves
from crossdock.testing.store_promises.lanes import Lanes, Reading
from crossdock.testing.store_promises.queries import Queries
from crossdock.testing.store_promises.references import References
from crossdock.testing.store_promises.retention import Retention
from crossdock.testing.store_promises.samples import commit, failure


class Restarts:
    """What was committed is there after a restart, and goes on from there."""

    folder: Path

    async def open_store(self) -> Store:
        raise NotImplementedError("say how the store of this test is opened")

    async def test_g01_all_that_was_committed_is_there_after_a_restart(self, store: Store) -> None:
        delivery = a.delivery("1")
        await commit(store, "w1", payloads=(a.payload("1", b"raw"),), arrivals=(a.arrival("1"),))
        await commit(store, "w2", messages=(a.message("1"),), events=(a.event("1"),), deliveries=(delivery,))
        await commit(store, "w3", delivery_moves=(a.move(delivery, DeliveryState.HELD),), cells=(CellWrite("c", b"x"),))
        await commit(store, "w4", cross_references=(Link(a.linked()),), counts=(Count("flow/f", "read", 3),))
        tallies = await store.tallies()
        await store.close()
        store = await self.open_store()
        assert all([await store.applied(f"w{number}") for number in (1, 2, 3, 4)])
        assert await store.payloads([a.payload("1", b"raw").ref]) == {a.payload("1").ref.id: b"raw"}
        assert list(await store.messages([a.message("1").id])) == [replace(a.message("1"), number=1)]
        assert list(await store.events([a.event("1").id])) == [replace(a.event("1"), number=1)]
        assert (await store.deliveries([delivery.id]))[0].state is DeliveryState.HELD
        assert await store.cell("c") == Cell(1, b"x")
        assert list(await store.cross_references()) == [a.linked()]
        assert await store.counts() == {("flow/f", "read"): 3}
        assert await store.tallies() == tallies
        await store.close()

    async def test_numbers_positions_and_fences_go_on_after_a_restart(self, store: Store) -> None:
        lane = a.lane(partition_of("order/1"))
        held = (await store.lease([lane], "one", 30.0, 0.0))[lane]
        await commit(store, "w1", messages=(a.message("1"), a.message("2")), positions=(Position(lane, 1),))
        await store.close()
        store = await self.open_store()
        assert (await commit(store, "w2", messages=(a.message("3"),))).numbers == {a.message("3").id: 3}
        assert [row.number for row in await store.read({lane: 1}, 10)] == [2, 3]
        await commit(store, "w3", guards=(LaneFence(lane, held.fence),))
        assert await store.lease([lane], "two", 40.0, 29.0) == {}
        taken = (await store.lease([lane], "two", 60.0, 31.0))[lane]
        assert taken.fence > held.fence
        assert taken.position == 1
        await store.close()

    async def test_a_work_of_before_the_restart_is_not_applied_again(self, store: Store) -> None:
        await commit(store, "w", counts=(Count("flow/f", "read", 1),))
        await store.close()
        store = await self.open_store()
        await commit(store, "w", counts=(Count("flow/f", "read", 1),))
        assert await store.counts() == {("flow/f", "read"): 1}
        await store.close()

    async def test_close_waits_for_what_is_queued(self, store: Store) -> None:
        callers = [
            asyncio.ensure_future(store.apply(Work(f"w{n}", counts=(Count("flow/f", "read", 1),)))) for n in range(300)
        ]
        await asyncio.sleep(0)
        await store.close()
        answers = await asyncio.gather(*callers)
        assert len(answers) == 300
        store = await self.open_store()
        assert await store.counts() == {("flow/f", "read"): 300}
        await store.close()

    async def test_a_closed_store_refuses_and_says_so(self, store: Store) -> None:
        await store.close()
        assert "closed" in (await failure(store.apply(Work("w")))).what
        assert "closed" in (await failure(store.counts())).what
        await store.close()


class StoreContract(Appends, Works, Guards, Moves, References, Lanes, Reading, Queries, Retention, Restarts):
    """See the module."""
