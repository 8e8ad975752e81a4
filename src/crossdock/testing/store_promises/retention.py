"""Retention: what is old and settled goes, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from crossdock.core.delivery import Delivery
from crossdock.core.ids import partition_of
from crossdock.core.lanes import lanes_of
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.store import Store
from crossdock.core.work import Count, Link, Position
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit

LATE = 1e12
"""Later than any store's clock"""
EVERYTHING = {"payloads": LATE, "messages": LATE, "events": LATE, "effects": LATE}


class Retention:
    async def _message(self, store: Store, name: str, state: MessageState, at: float = 10.0) -> None:
        await commit(
            store,
            f"arrive {name}",
            payloads=(a.payload(name),),
            arrivals=(a.arrival(name, at),),
            messages=(a.message(name, hint=name, received_at=at, state=state),),
        )

    async def _kept(self, store: Store, names: Sequence[str]) -> set[str]:
        by_id = {a.message(name).id: name for name in names}
        return {by_id[row.id] for row in await store.messages(list(by_id))}

    async def test_settled_messages_go_with_their_arrivals_when_they_are_old(self, store: Store) -> None:
        await self._message(store, "old", MessageState.NORMALISED)
        await self._message(store, "young", MessageState.NORMALISED, 20.0)
        assert (await store.prune({"messages": 15.0}, 100))["messages"] == 1
        assert await self._kept(store, ["old", "young"]) == {"young"}
        assert await store.arrival(a.arrival("old").id) is None
        assert await store.arrival(a.arrival("young").id) is not None

    async def test_what_a_person_or_the_hub_still_needs_of_the_inbox_stays(self, store: Store) -> None:
        states = list(MessageState)
        for state in states:
            await self._message(store, state, state)
        await store.prune(EVERYTHING, 100)
        waiting = {MessageState.RECEIVED, MessageState.QUARANTINED}
        assert await self._kept(store, states) == waiting
        refs = [a.payload(state).ref for state in states]
        assert set(await store.payloads(refs)) == {a.payload(state).ref.id for state in waiting}
        assert all([await store.arrival(a.arrival(state).id) for state in waiting])

    async def test_payloads_may_go_before_their_messages(self, store: Store) -> None:
        await self._message(store, "1", MessageState.NORMALISED)
        assert await store.prune({"payloads": LATE}, 100) == {"payloads": 1}
        assert await store.payloads([a.payload("1").ref]) == {}
        assert await self._kept(store, ["1"]) == {"1"}
        await self._message(store, "2", MessageState.NORMALISED)
        assert await store.prune({"payloads": 0.0}, 100) == {"payloads": 0}

    async def test_a_big_payload_counts_as_one_and_goes_whole(self, store: Store) -> None:
        big = a.payload("big", b"x" * (3 << 20))
        await commit(store, "w", payloads=(big,))
        assert await store.prune({"payloads": LATE}, 1) == {"payloads": 1}
        assert await store.payloads([big.ref]) == {}

    async def _delivery(self, store: Store, name: str, state: DeliveryState, settled_at: float = 10.0) -> Delivery:
        event = a.event(name, key=name, appended_at=5.0)
        number = (await commit(store, f"event {name}", events=(event,))).numbers[event.id]
        row = a.delivery(name, key=name, number=number, state=state, planned_at=6.0, settled_at=settled_at)
        exchange = a.exchange(name, row.id)
        await commit(
            store,
            f"deliver {name}",
            deliveries=(row,),
            exchanges=(exchange,),
            effects=(a.effect(name, row.id, exchange.id),),
            attempts=(a.attempt(exchange.id),),
        )
        return row

    async def test_settled_deliveries_go_with_their_journal(self, store: Store) -> None:
        old = await self._delivery(store, "old", DeliveryState.DELIVERED)
        young = await self._delivery(store, "young", DeliveryState.DELIVERED, 20.0)
        assert await store.prune({"events": 15.0, "effects": 15.0}, 100) == {"events": 2, "effects": 1}
        assert list(await store.deliveries([old.id, young.id])) == [young]
        assert [row.batch for row in await store.exchanges([old.id, young.id])] == [young.id]
        assert [row.delivery_id for row in await store.effects([old.id, young.id])] == [young.id]
        assert list(await store.attempts([a.exchange("old", "").id])) == []
        assert len(await store.attempts([a.exchange("young", "").id])) == 1

    async def test_g27_a_settled_delivery_stays_while_its_event_can_be_read_again(self, store: Store) -> None:
        settled = await self._delivery(store, "1", DeliveryState.DELIVERED)
        await commit(store, "w", deliveries=(a.delivery("2", of="1", flow="other", key="1", state=DeliveryState.HELD),))
        assert await store.prune(EVERYTHING, 100) == {"payloads": 0, "messages": 0, "events": 0, "effects": 0}
        assert list(await store.deliveries([settled.id])) == [settled]

    async def test_nothing_open_held_or_dead_is_ever_removed(self, store: Store) -> None:
        rows = {state: await self._delivery(store, state, state) for state in DeliveryState}
        await store.prune(EVERYTHING, 100)
        kept = await store.deliveries([row.id for row in rows.values()])
        unsettled = set(DeliveryState) - {DeliveryState.DELIVERED, DeliveryState.SUPERSEDED, DeliveryState.DISCARDED}
        assert {row.state for row in kept} == unsettled
        events = await store.events([row.event_id for row in rows.values()])
        assert {event.key for event in events} == unsettled
        assert len(await store.exchanges([row.id for row in rows.values()])) == len(unsettled)

    async def test_the_journal_of_a_batch_stays_until_its_last_delivery_goes(self, store: Store) -> None:
        one = a.delivery("1", state=DeliveryState.DELIVERED, batch="b", planned_at=1.0, settled_at=10.0)
        two = a.delivery("2", state=DeliveryState.DELIVERED, batch="b", planned_at=1.0, settled_at=20.0)
        await commit(store, "w", deliveries=(one, two), exchanges=(a.exchange("1", "b"),))
        await store.prune({"effects": 15.0}, 100)
        assert len(await store.exchanges(["b"])) == 1
        await store.prune({"effects": 25.0}, 100)
        assert list(await store.exchanges(["b"])) == []

    async def test_events_that_a_reader_has_not_read_stay(self, store: Store) -> None:
        events = tuple(a.event(str(number), appended_at=5.0) for number in range(4))
        await commit(store, "w1", events=events)
        lanes = lanes_of("flow/f", "events")
        await store.lease(lanes, "one", LATE + 30.0, LATE)
        read = Position(lanes[partition_of("order:1")], 2)
        await commit(store, "w2", positions=(read,))
        assert await store.prune({"events": 10.0}, 100) == {"events": 2}
        assert [row.number for row in await store.events(key="order:1")] == [3, 4]

    async def test_a_reader_that_is_gone_for_good_holds_nothing_back(self, store: Store) -> None:
        await commit(store, "w", events=(a.event("1", appended_at=5.0),))
        await store.lease(lanes_of("flow/gone", "events"), "one", 6.0, 3.0)
        assert await store.prune({"events": 10.0}, 100) == {"events": 1}

    async def test_young_events_stay(self, store: Store) -> None:
        await commit(store, "w", events=(a.event("1", appended_at=5.0), a.event("2", appended_at=15.0)))
        assert await store.prune({"events": 10.0}, 100) == {"events": 1}
        assert [row.id for row in await store.events(key="order:1")] == [a.event("2").id]

    async def test_each_call_removes_at_most_its_limit(self, store: Store) -> None:
        for number in range(5):
            await self._message(store, str(number), MessageState.NORMALISED)
            await self._delivery(store, f"d{number}", DeliveryState.DELIVERED)
        removed = [dict(await store.prune(EVERYTHING, 2)) for _ in range(4)]
        kinds = ("payloads", "messages", "events", "effects")
        assert [[part[kind] for kind in kinds] for part in removed] == [[2] * 4, [2] * 4, [1] * 4, [0] * 4]

    async def test_counts_and_cross_references_outlive_what_they_tell_of(self, store: Store) -> None:
        row = await self._delivery(store, "1", DeliveryState.DELIVERED)
        await self._message(store, "1", MessageState.NORMALISED)
        await commit(store, "w", cross_references=(Link(a.linked()),), counts=(Count("flow/f", "delivered", 1),))
        await store.prune(EVERYTHING, 100)
        assert list(await store.cross_references()) == [a.linked()]
        assert (await store.counts())["flow/f", "delivered"] == 1
        assert list(await store.deliveries([row.id])) == []

    async def test_g32_what_is_removed_is_counted_as_retired_so_that_the_sums_agree(self, store: Store) -> None:
        for number in range(3):
            await self._message(store, str(number), MessageState.NORMALISED)
            await self._delivery(store, f"d{number}", DeliveryState.DELIVERED)
        await self._message(store, "waits", MessageState.QUARANTINED)
        for _ in range(3):
            await store.prune(EVERYTHING, 2)
        assert await store.tallies() == {("message", "shop", "quarantined"): 1}
        assert await store.counts() == {("connection/shop", "retired"): 3, (f"flow/{a.FLOW}", "retired"): 3}

    async def test_numbers_go_on_after_what_retention_removed(self, store: Store) -> None:
        await self._message(store, "1", MessageState.NORMALISED)
        await store.prune(EVERYTHING, 100)
        assert (await commit(store, "w", messages=(a.message("2", hint="1"),))).numbers == {a.message("2").id: 2}
