"""Streams, lanes and positions: who reads what, how far, and in which order."""

from __future__ import annotations

import asyncio

from crossdock.core.event import Event
from crossdock.core.ids import PARTITIONS, partition_of
from crossdock.core.lanes import lanes_of
from crossdock.core.message import Message
from crossdock.core.store import Store
from crossdock.core.work import LaneFence, Position, Work
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit, refuse


class Lanes:
    async def test_a_free_lane_is_leased_from_its_beginning(self, store: Store) -> None:
        lanes = lanes_of("normalise", a.INBOX)
        leased = await store.lease(lanes, "one", 30.0, 0.0)
        assert set(leased) == set(lanes)
        assert {held.position for held in leased.values()} == {0}
        assert all(held.fence > 0 for held in leased.values())

    async def test_a_lane_held_elsewhere_is_not_leased_until_its_time_is_over(self, store: Store) -> None:
        lane, free = a.lane(3), a.lane(4)
        await store.lease([lane], "one", 30.0, 0.0)
        assert set(await store.lease([lane, free], "two", 40.0, 29.5)) == {free}
        assert set(await store.lease([lane], "two", 60.0, 30.5)) == {lane}

    async def test_a_new_holder_gets_a_higher_fence_and_renewing_keeps_it(self, store: Store) -> None:
        lane = a.lane(3)
        first = (await store.lease([lane], "one", 30.0, 0.0))[lane]
        assert (await store.lease([lane], "one", 60.0, 20.0))[lane] == first
        second = (await store.lease([lane], "two", 99.0, 61.0))[lane]
        assert second.fence > first.fence
        third = (await store.lease([lane], "one", 199.0, 100.0))[lane]
        assert third.fence > second.fence

    async def test_a_lane_given_back_is_free_at_once(self, store: Store) -> None:
        lane = a.lane(3)
        await store.lease([lane], "one", 30.0, 0.0)
        await store.lease([lane], "one", 5.0, 5.0)
        assert lane in await store.lease([lane], "two", 30.0, 5.0)

    async def test_whoever_takes_again_what_it_gave_back_has_a_higher_fence(self, store: Store) -> None:
        lane = a.lane(3)
        first = (await store.lease([lane], "one", 30.0, 0.0))[lane]
        assert await store.lease([lane], "one", 5.0, 5.0) == {}
        assert (await store.lease([lane], "one", 40.0, 6.0))[lane].fence > first.fence

    async def test_of_many_who_ask_at_once_one_holds_a_lane(self, store: Store) -> None:
        lane = a.lane(3)
        leases = await asyncio.gather(*(store.lease([lane], f"worker {n}", 30.0, 0.0) for n in range(16)))
        assert sum(lane in leased for leased in leases) == 1

    async def test_the_next_holder_goes_on_where_the_last_one_stood(self, store: Store) -> None:
        lane = a.lane(3)
        fence = (await store.lease([lane], "one", 30.0, 0.0))[lane].fence
        await commit(store, "w", guards=(LaneFence(lane, fence),), positions=(Position(lane, 12),))
        assert (await store.lease([lane], "two", 99.0, 31.0))[lane].position == 12

    async def test_a_position_moves_only_forward(self, store: Store) -> None:
        lane = a.lane(3)
        await commit(store, "w1", positions=(Position(lane, 12),))
        await commit(store, "w2", positions=(Position(lane, 7),))
        assert (await store.lease([lane], "one", 30.0, 0.0))[lane].position == 12

    async def test_a_rewind_moves_a_position_back(self, store: Store) -> None:
        lane = a.lane(3)
        await commit(store, "w1", positions=(Position(lane, 12),))
        await commit(store, "w2", positions=(Position(lane, 7, back=True),))
        assert (await store.lease([lane], "one", 30.0, 0.0))[lane].position == 7

    async def test_a_position_written_before_any_lease_needs_one_all_the_same(self, store: Store) -> None:
        lane = a.lane(3)
        await commit(store, "w1", positions=(Position(lane, 12),))
        await refuse(store, "w2", guards=(LaneFence(lane, 1),))
        held = (await store.lease([lane], "one", 30.0, 0.0))[lane]
        await commit(store, "w3", guards=(LaneFence(lane, held.fence),))

    async def test_readers_of_one_stream_stand_where_each_has_read(self, store: Store) -> None:
        one, two = a.lane(3, "flow/a", "events"), a.lane(3, "flow/b", "events")
        await commit(store, "w", positions=(Position(one, 5), Position(two, 9)))
        leased = await store.lease([one, two], "w", 30.0, 0.0)
        assert (leased[one].position, leased[two].position) == (5, 9)
        assert list(await store.positions("flow/a", "events")) == [5 if lane == 3 else 0 for lane in range(PARTITIONS)]
        assert list(await store.positions("flow/none", "events")) == [0] * PARTITIONS


class Reading:
    async def test_a_lane_is_read_in_number_order_from_its_position(self, store: Store) -> None:
        lane = a.lane(partition_of("order/1"))
        messages = [a.message(str(number)) for number in range(5)]
        for index, message in enumerate(messages):
            await commit(store, f"w{index}", messages=(message,))
        found = await store.read({lane: 2}, 10)
        assert [row.number for row in found] == [3, 4, 5]
        assert [row.id for row in found] == [message.id for message in messages[2:]]

    async def test_events_are_read_as_events(self, store: Store) -> None:
        await commit(store, "w", events=(a.event("1"), a.event("2")))
        lane = a.lane(partition_of("order:1"), "flow/f", "events")
        found = await store.read({lane: 0}, 10)
        assert all(isinstance(row, Event) for row in found)
        assert [row.number for row in found] == [1, 2]

    async def test_a_lane_holds_its_partition_of_its_own_inbox_and_nothing_else(self, store: Store) -> None:
        here, there = a.other_partitions(2)
        rows = (a.message("1", hint=here), a.message("2", hint=there), a.message("3", hint=here, connection="till"))
        await commit(store, "w", messages=rows, events=(a.event("1", key=here),))
        found = await store.read({a.lane(partition_of(here)): 0}, 10)
        assert [row.id for row in found] == [rows[0].id]

    async def test_a_read_brings_at_most_its_limit_and_the_next_goes_on(self, store: Store) -> None:
        lane = a.lane(partition_of("order/1"))
        await commit(store, "w", messages=tuple(a.message(str(number)) for number in range(7)))
        numbers: list[int] = []
        while found := await store.read({lane: len(numbers)}, 3):
            assert len(found) <= 3
            numbers += [row.number for row in found]
        assert numbers == [1, 2, 3, 4, 5, 6, 7]

    async def test_a_long_lane_starves_no_other(self, store: Store) -> None:
        long, short = a.other_partitions(2)
        rows = [a.message(f"long {number}", hint=long) for number in range(50)]
        await commit(store, "w", messages=(*rows, a.message("short", hint=short)))
        found = await store.read(dict.fromkeys(lanes_of("normalise", a.INBOX), 0), 10)
        assert len(found) == 10
        assert a.message("short").id in {row.id for row in found}

    async def test_nothing_follows_the_end_or_an_unknown_inbox(self, store: Store) -> None:
        await commit(store, "w", messages=(a.message("1"),))
        assert list(await store.read({a.lane(partition_of("order/1")): 1}, 10)) == []
        assert list(await store.read({a.lane(1, stream="inbox/nobody"): 0}, 10)) == []
        assert list(await store.read({}, 10)) == []

    async def test_a_number_is_only_read_when_all_before_it_are(self, store: Store) -> None:
        lanes = lanes_of("normalise", a.INBOX)
        position = dict.fromkeys(lanes, 0)
        seen = 0

        async def write(start: int) -> None:
            works = [Work(f"w{n}", messages=(a.message(str(n), hint=f"h{n}"),)) for n in range(start, start + 40)]
            await asyncio.gather(*(store.apply(work) for work in works))

        writers = asyncio.gather(*(write(start) for start in range(0, 400, 40)))
        while seen < 400:
            for row in await store.read(position, 16):
                assert isinstance(row, Message)
                lane = lanes[row.partition]
                assert row.number == position[lane] + 1
                position[lane] = row.number
                seen += 1
            await asyncio.sleep(0)
        await writers
        assert sum(position.values()) == sum(await store.heads(a.INBOX)) == 400

    async def test_a_stream_has_32_heads(self, store: Store) -> None:
        assert list(await store.heads("events")) == [0] * PARTITIONS
