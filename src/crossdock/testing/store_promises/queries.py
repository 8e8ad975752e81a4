"""What the engine and people ask by name."""

from __future__ import annotations

from msgspec.structs import replace

from crossdock.core.delivery import Delivery
from crossdock.core.ids import partition_of
from crossdock.core.states import SETTLED, DeliveryState, MessageState, WaitingFor
from crossdock.core.store import Cell, Store
from crossdock.core.work import CellWrite, Count, Entity, MessageMove
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit

D = DeliveryState


def names(rows: object, among: dict[str, Delivery]) -> list[str]:
    by_id = {row.id: name for name, row in among.items()}
    return [by_id[row.id] for row in rows]  # type: ignore[attr-defined]


class Queries:
    async def test_messages_of_a_state_are_listed_newest_first(self, store: Store) -> None:
        rows = [a.message(str(n), hint=f"h{n}", received_at=float(n), state=MessageState.QUARANTINED) for n in range(6)]
        await commit(store, "w1", messages=(*rows, a.message("r", received_at=9.0)))
        await commit(store, "w2", messages=(a.message("t", connection="till", state=MessageState.QUARANTINED),))
        found = await store.messages(connection="shop", state=MessageState.QUARANTINED, limit=3)
        assert [row.received_at for row in found] == [5.0, 4.0, 3.0]
        odd = replace(a.message("odd", state=MessageState.QUARANTINED), reason="it may be % one_")
        await commit(store, "w3", messages=(odd, replace(odd, id="other", reason="it may be what one?")))
        found = await store.messages(connection="shop", state=MessageState.QUARANTINED, reason="it may be % one_")
        assert [row.id for row in found] == [odd.id]
        assert not await store.messages(connection="till", state=MessageState.QUARANTINED, reason="it may")
        every = await store.messages(state=MessageState.QUARANTINED, reason="because")
        assert len(every) == 7
        assert every[0].connection == "till"

    async def test_the_newest_messages_of_a_connection_are_listed_whatever_their_state(self, store: Store) -> None:
        for n in range(6):
            await commit(store, f"w{n}", messages=(a.message(str(n), hint=f"h{n}", received_at=float(n)),))
        done = MessageMove(a.message("5").id, MessageState.RECEIVED, MessageState.NORMALISED)
        await commit(store, "n", message_moves=(done,))
        found = await store.messages(connection="shop", limit=2)
        assert [row.received_at for row in found] == [5.0, 4.0]
        assert [row.id for row in await store.messages(state=MessageState.NORMALISED)] == [a.message("5").id]

    async def test_events_of_an_entity_or_a_partition_key_are_listed_oldest_first(self, store: Store) -> None:
        order = a.event("1", key="order:1", appended_at=1.0)
        refund = a.event("2", key="refund:9", partitionkey="order:1", appended_at=2.0)
        await commit(store, "w", events=(order, refund, a.event("3", key="order:2", appended_at=3.0)))
        assert [row.id for row in await store.events(key="order:1")] == [order.id, refund.id]
        assert [row.id for row in await store.events(key="refund:9")] == [refund.id]
        assert len(await store.events(key="order:1", limit=1)) == 1

    async def test_an_entity_is_known_in_its_newest_version(self, store: Store) -> None:
        def entity(version: str, event_id: str) -> Entity:
            return Entity("joanna.example", "order", "order:1", version, event_id)

        key = ("joanna.example", "order", "order:1")
        await commit(store, "w1", entities=(entity("2", "b"),))
        await commit(store, "w2", entities=(entity("1", "a"),))
        assert await store.entities([key, ("x", "y", "z")]) == {key: entity("2", "b")}
        await commit(store, "w3", entities=(entity("4", "d"), entity("3", "c")))
        assert await store.entities([key]) == {key: entity("4", "d")}

    async def _shop(self, store: Store) -> dict[str, Delivery]:
        rows = {
            "a1": a.delivery("a1", key="k:a", number=1, state=D.DELIVERED, planned_at=1.0),
            "a2": a.delivery("a2", key="k:a", number=2, state=D.HELD, planned_at=2.0),
            "a3": a.delivery("a3", key="k:a", number=3, planned_at=3.0),
            "b1": a.delivery("b1", key="k:b", number=1, state=D.DEAD, planned_at=4.0),
            "b2": a.delivery("b2", key="k:b", number=2, waiting_for=WaitingFor.NEED, planned_at=5.0),
            "c1": a.delivery("c1", key="k:c", number=1, state=D.SUPERSEDED, planned_at=6.0),
            "o1": a.delivery("o1", key="k:a", number=1, flow="other", state=D.SENDING, planned_at=0.5),
        }
        keys = {row.partitionkey for row in rows.values()}
        events = {key: [a.event(n, key=key) for n in rows if rows[n].partitionkey == key and n != "o1"] for key in keys}
        await commit(store, "events", events=tuple(event for part in events.values() for event in part))
        for name, row in rows.items():
            await commit(store, f"plan {name}", deliveries=(row,))
        return rows

    async def test_deliveries_are_picked_by_all_that_is_given(self, store: Store) -> None:
        rows = await self._shop(store)

        async def ask(**wishes: object) -> set[str]:
            return set(names(await store.deliveries(**wishes), rows))  # type: ignore[arg-type]

        assert await ask(flow=a.FLOW, states=[D.WAITING]) == {"a3", "b2"}
        assert await ask(flow=a.FLOW, states=[D.WAITING], waiting_for=WaitingFor.NEED) == {"b2"}
        assert await ask(states=[D.HELD, D.DEAD]) == {"a2", "b1"}
        assert await ask(flow="other", states=[D.HELD, D.DEAD]) == set()
        assert await ask(partitionkey="k:a") == {"a1", "a2", "a3", "o1"}
        assert await ask(flow=a.FLOW, partitionkey="k:a", states=[D.WAITING, D.DELIVERED]) == {"a1", "a3"}
        assert await ask(event_ids=[rows["a1"].event_id, rows["b1"].event_id]) == {"a1", "b1"}
        assert await ask(flow="other", event_ids=[rows["a1"].event_id]) == set()
        assert await ask(ids=[rows["a1"].id, rows["b2"].id], states=[D.WAITING]) == {"b2"}
        assert await ask(ids=[rows["a1"].id], event_ids=[rows["b1"].event_id]) == set()
        assert await ask() == set(rows)

    async def test_deliveries_come_in_the_order_of_their_events(self, store: Store) -> None:
        rows = await self._shop(store)
        found = list(await store.deliveries(flow=a.FLOW))
        assert found == sorted(found, key=lambda row: (row.partition, row.number))
        assert len(await store.deliveries(flow=a.FLOW, limit=2)) == 2
        assert names(await store.deliveries(partitionkey="k:a", flow=a.FLOW), rows) == ["a1", "a2", "a3"]

    async def test_the_next_of_a_key_is_the_first_that_is_not_settled(self, store: Store) -> None:
        rows = await self._shop(store)
        assert await store.next_of_key(a.FLOW, "k:a", 0) == rows["a2"]
        assert await store.next_of_key(a.FLOW, "k:a", 2) == rows["a3"]
        assert await store.next_of_key(a.FLOW, "k:a", 3) is None
        assert await store.next_of_key(a.FLOW, "k:b", 0) == rows["b1"]
        assert await store.next_of_key(a.FLOW, "k:c", 0) is None
        assert await store.next_of_key("other", "k:b", 0) is None
        assert await store.next_of_key(a.FLOW, "k:b", 0, past_dead=True) == rows["b2"]
        assert await store.next_of_key(a.FLOW, "k:a", 0, past_dead=True) == rows["a2"]

    async def test_a_key_is_under_way_however_many_others_are(self, store: Store) -> None:
        rows = [
            a.delivery(f"{n}", key=f"k:{n}", number=n + 1, state=D.RESOLVING if n % 2 else D.SENDING)
            for n in range(1500)
        ]
        others = [a.delivery(str(state), key=f"k:{state}", number=2000, state=state) for state in (D.WAITING, D.HELD)]
        other = a.delivery("o", key="k:o", number=2001, flow="other", state=D.SENDING)
        await commit(store, "w", deliveries=(*rows, *others, other))
        asked = [*(row.key for row in rows[-3:]), *(row.key for row in others), other.key, "k:never"]
        assert set(await store.keys_under_way(a.FLOW, asked)) == {"k:1497", "k:1498", "k:1499"}
        assert set(await store.keys_under_way("other", asked)) == {"k:o"}
        assert not await store.keys_under_way(a.FLOW, [])

    async def test_each_key_has_one_head_and_the_oldest_comes_first(self, store: Store) -> None:
        rows = await self._shop(store)
        assert names(await store.heads_of_keys(a.FLOW, 10), rows) == ["a2", "b1"]
        assert names(await store.heads_of_keys(a.FLOW, 1), rows) == ["a2"]
        assert names(await store.heads_of_keys("other", 10), rows) == ["o1"]
        assert names(await store.heads_of_keys(a.FLOW, 10, past_dead=True), rows) == ["a2", "b2"]

    async def test_a_settled_head_makes_room_for_the_next(self, store: Store) -> None:
        rows = await self._shop(store)
        await commit(store, "w", delivery_moves=(a.move(rows["a2"], D.DISCARDED, settled_at=9.0),))
        assert names(await store.heads_of_keys(a.FLOW, 10), rows) == ["a3", "b1"]

    async def test_the_oldest_open_tells_how_long_a_flow_is_behind(self, store: Store) -> None:
        rows = await self._shop(store)
        assert await store.oldest_open(a.FLOW) == 2.0
        assert await store.oldest_open("nobody") is None
        await commit(store, "w", delivery_moves=(a.move(rows["a2"], D.DISCARDED, settled_at=9.0),))
        assert await store.oldest_open(a.FLOW) == 3.0

    async def test_exchanges_and_attempts_come_in_the_order_in_which_they_were_made(self, store: Store) -> None:
        for number in (3, 1, 2):
            exchange = a.exchange(str(number), "batch")
            await commit(store, f"w{number}", exchanges=(exchange,))
        await commit(store, "other", exchanges=(a.exchange("9", "another"),))
        made = [a.exchange(str(number), "batch").id for number in (3, 1, 2)]
        assert [row.id for row in await store.exchanges(["batch"])] == made
        tries = tuple(a.attempt(made[0], number, float(number)) for number in (2, 1, 3))
        await commit(store, "tries", attempts=tries)
        assert [row.number for row in await store.attempts([made[0]])] == [1, 2, 3]

    async def test_a_cell_counts_its_versions(self, store: Store) -> None:
        assert await store.cell("poll/shop") is None
        await commit(store, "w1", cells=(CellWrite("poll/shop", b"1"),))
        await commit(store, "w2", cells=(CellWrite("poll/shop", b"\x00\xff"),))
        assert await store.cell("poll/shop") == Cell(2, b"\x00\xff")
        await commit(store, "w3", cells=(CellWrite("poll/shop", None), CellWrite("never", None)))
        assert await store.cell("poll/shop") is None

    async def test_cells_are_listed_by_prefix(self, store: Store) -> None:
        cells = tuple(CellWrite(name, name.encode()) for name in ("a/1", "a/2", "a", "b/1", "a%", "A/3"))
        await commit(store, "w", cells=cells)
        assert list(await store.cells("a/")) == ["a/1", "a/2"]
        assert set(await store.cells("a")) == {"a", "a/1", "a/2", "a%"}
        assert len(await store.cells("")) == 6

    async def test_counts_add_up(self, store: Store) -> None:
        for number in range(4):
            counts = (Count("flow/f", "read", 2), Count("flow/f", "planned", 1), Count("flow/f", "read", number))
            await commit(store, f"w{number}", counts=counts)
        assert await store.counts() == {("flow/f", "read"): 14, ("flow/f", "planned"): 4}

    async def test_g32_tallies_say_how_many_rows_are_in_each_state(self, store: Store) -> None:
        rows = await self._shop(store)
        await commit(store, "m", messages=(a.message("1"), a.message("2")))
        moved = MessageMove(a.message("1").id, MessageState.RECEIVED, MessageState.NORMALISED)
        await commit(store, "n", message_moves=(moved,), delivery_moves=(a.move(rows["a3"], D.SENDING),))
        await commit(store, "again", messages=(a.message("1"),), deliveries=(rows["a1"],))
        tallies = await store.tallies()
        assert tallies["message", "shop", "received"] == tallies["message", "shop", "normalised"] == 1
        flow = {
            state: amount for (kind, name, state), amount in tallies.items() if (kind, name) == ("delivery", a.FLOW)
        }
        assert flow == {"delivered": 1, "held": 1, "sending": 1, "dead": 1, "waiting": 1, "superseded": 1}

    async def test_keys_of_a_backlog_are_found_among_many(self, store: Store) -> None:
        rows = tuple(a.delivery(f"{n}", key=f"k:{n % 100}", number=n + 1, planned_at=float(n)) for n in range(2000))
        await commit(store, "w", deliveries=rows)
        heads = await store.heads_of_keys(a.FLOW, 1000)
        assert [row.number for row in heads] == list(range(1, 101))
        following = await store.next_of_key(a.FLOW, "k:7", 8)
        assert following
        assert (following.number, following.partition) == (108, partition_of("k:7"))
        assert not SETTLED & {row.state for row in heads}
