"""Guards and transitions: a Work holds only under what it was decided on."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from crossdock.core.delivery import ExchangeState
from crossdock.core.states import (
    DELIVERY_TRANSITIONS,
    MESSAGE_TRANSITIONS,
    SETTLED,
    DeliveryState,
    MessageState,
    WaitingFor,
)
from crossdock.core.store import Cell, Store
from crossdock.core.work import (
    CellVersion,
    CellWrite,
    Claim,
    Committed,
    Count,
    CrossReferenceAbsent,
    DeliveryMove,
    ExchangeMove,
    Guard,
    LaneFence,
    MessageMove,
    Position,
    Work,
)
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit, refuse


class Guards:
    async def test_g10_a_fence_holds_while_the_lane_is_held(self, store: Store) -> None:
        held = (await store.lease([a.lane(3)], "one", 30.0, 0.0))[a.lane(3)]
        await commit(store, "w1", guards=(LaneFence(a.lane(3), held.fence),))
        assert (await refuse(store, "w2", guards=(LaneFence(a.lane(3), held.fence + 1),))).guard == LaneFence(
            a.lane(3), held.fence + 1
        )

    async def test_g10_a_zombie_cannot_record_anything(self, store: Store) -> None:
        old = (await store.lease([a.lane(3)], "one", 30.0, 0.0))[a.lane(3)]
        await store.lease([a.lane(3)], "two", 60.0, 31.0)
        delivery = a.delivery("1")
        await commit(store, "plan", deliveries=(delivery,))
        sent = a.move(delivery, DeliveryState.SENDING)
        await refuse(store, "w", guards=(LaneFence(a.lane(3), old.fence),), delivery_moves=(sent,))
        (row,) = await store.deliveries([delivery.id])
        assert row.state is DeliveryState.WAITING

    async def test_a_fence_of_a_lane_that_nobody_ever_held_does_not_hold(self, store: Store) -> None:
        await refuse(store, "w", guards=(LaneFence(a.lane(3), 1),))

    async def test_a_cross_reference_must_be_absent(self, store: Store) -> None:
        absent = CrossReferenceAbsent("books", "invoice", "order:1")
        await commit(store, "w1", guards=(absent,), cross_references=(Claim(a.claimed()),))
        refused = await refuse(store, "w2", guards=(absent,))
        assert refused.guard == absent
        assert "effect-1" in refused.found

    async def test_a_cell_must_have_the_guarded_version(self, store: Store) -> None:
        await commit(store, "w1", guards=(CellVersion("c", 0),), cells=(CellWrite("c", b"1"),))
        await refuse(store, "w2", guards=(CellVersion("c", 0),), cells=(CellWrite("c", b"2"),))
        await commit(store, "w3", guards=(CellVersion("c", 1),), cells=(CellWrite("c", b"3"),))
        assert await store.cell("c") == Cell(2, b"3")

    async def test_of_64_who_saw_the_same_cell_one_writes(self, store: Store) -> None:
        works = [
            Work(f"w{number}", guards=(CellVersion("c", 0),), cells=(CellWrite("c", b"%d" % number),))
            for number in range(64)
        ]
        answers = await asyncio.gather(*(store.apply(work) for work in works))
        assert sum(isinstance(answer, Committed) for answer in answers) == 1
        cell = await store.cell("c")
        assert cell
        assert cell.version == 1

    async def test_all_guards_must_hold(self, store: Store) -> None:
        guards: tuple[Guard, ...] = (
            CellVersion("c", 0),
            CrossReferenceAbsent("books", "invoice", "k"),
            CellVersion("d", 1),
        )
        refused = await refuse(store, "w", guards=guards, cells=(CellWrite("c", b""),))
        assert refused.guard == CellVersion("d", 1)
        assert await store.cell("c") is None

    async def test_a_guard_sees_the_neighbour_that_came_before(self, store: Store) -> None:
        first = Work("w1", cells=(CellWrite("c", b"1"),))
        second = Work("w2", guards=(CellVersion("c", 0),), cells=(CellWrite("c", b"2"),))
        answers = await asyncio.gather(store.apply(first), store.apply(second))
        assert [isinstance(answer, Committed) for answer in answers] == [True, False]
        assert await store.cell("c") == Cell(1, b"1")


class Moves:
    async def test_a_message_moves_with_its_reason_and_record(self, store: Store) -> None:
        message, record = a.message("1"), a.ref("record", b"{}")
        await commit(store, "w1", messages=(message,))
        quarantined = MessageMove(message.id, MessageState.RECEIVED, MessageState.QUARANTINED, "odd", record)
        await commit(store, "w2", message_moves=(quarantined,))
        (row,) = await store.messages([message.id])
        assert (row.state, row.reason) == (MessageState.QUARANTINED, "odd")
        again = MessageMove(message.id, MessageState.QUARANTINED, MessageState.NORMALISED)
        await commit(store, "w3", message_moves=(again,))
        (row,) = await store.messages([message.id])
        assert (row.state, row.reason) == (MessageState.NORMALISED, "")
        assert await store.record(message.id) == record

    async def test_message_transitions_are_those_of_the_table_and_no_others(self, store: Store) -> None:
        for before in MessageState:
            for after in MessageState:
                name = f"{before}-{after}"
                message = a.message(name, state=before)
                await commit(store, f"add {name}", messages=(message,))
                answer = await store.apply(
                    Work(f"move {name}", message_moves=(MessageMove(message.id, before, after),))
                )
                assert isinstance(answer, Committed) == (after in MESSAGE_TRANSITIONS[before]), name

    async def test_g12_delivery_transitions_are_those_of_the_table_and_no_others(self, store: Store) -> None:
        for before in DeliveryState:
            for after in DeliveryState:
                delivery = a.delivery(f"{before}-{after}", state=before)
                await commit(store, f"add {delivery.id}", deliveries=(delivery,))
                answer = await store.apply(Work(f"move {delivery.id}", delivery_moves=(a.move(delivery, after),)))
                legal = after in DELIVERY_TRANSITIONS[before]
                assert isinstance(answer, Committed) == legal, f"{before} → {after}"
                (row,) = await store.deliveries([delivery.id])
                assert row.state is (after if legal else before)

    async def test_g12_a_late_outcome_does_not_flip_what_is_settled(self, store: Store) -> None:
        for state in SETTLED:
            delivery = a.delivery(state, state=state)
            await commit(store, f"add {state}", deliveries=(delivery,))
            late = DeliveryMove(delivery.id, DeliveryState.SENDING, DeliveryState.DEAD)
            refused = await refuse(store, f"late {state}", delivery_moves=(late,))
            assert (refused.guard, refused.found) == (late, state)

    async def test_a_move_from_another_state_is_refused_and_told(self, store: Store) -> None:
        delivery = a.delivery("1", state=DeliveryState.RETRYING)
        await commit(store, "w1", deliveries=(delivery,))
        wrong = DeliveryMove(delivery.id, DeliveryState.WAITING, DeliveryState.SENDING)
        refused = await refuse(store, "w2", delivery_moves=(wrong,))
        assert (refused.guard, refused.found) == (wrong, "retrying")

    async def test_what_does_not_exist_does_not_move(self, store: Store) -> None:
        await refuse(store, "w1", message_moves=(MessageMove("none", MessageState.RECEIVED, MessageState.IGNORED),))
        await refuse(store, "w2", delivery_moves=(DeliveryMove("none", DeliveryState.WAITING, DeliveryState.DEAD),))
        await refuse(store, "w3", exchange_moves=(ExchangeMove("none", ExchangeState.INTENT, ExchangeState.OK),))

    async def test_a_move_sets_what_it_names_and_keeps_the_rest(self, store: Store) -> None:
        delivery = a.delivery("1")
        await commit(store, "w1", deliveries=(delivery,))
        await commit(store, "w2", delivery_moves=(a.move(delivery, DeliveryState.SENDING),))
        plain = replace(delivery, state=DeliveryState.SENDING, waiting_for=None, reason="", due_at=0.0)
        assert list(await store.deliveries([delivery.id])) == [plain]
        move = DeliveryMove(
            delivery.id,
            DeliveryState.SENDING,
            DeliveryState.WAITING,
            waiting_for=WaitingFor.BATCH,
            reason="companions",
            due_at=7.25,
            attempts=9,
            revision=8,
            batch="b",
            outbound=b"out",
            settled_at=6.5,
        )
        await commit(store, "w3", delivery_moves=(move,))
        moved = replace(
            plain,
            state=DeliveryState.WAITING,
            waiting_for=WaitingFor.BATCH,
            reason="companions",
            due_at=7.25,
            attempts=9,
            revision=8,
            batch="b",
            outbound=b"out",
            settled_at=6.5,
        )
        assert list(await store.deliveries([delivery.id])) == [moved]

    async def test_a_move_may_empty_what_it_names(self, store: Store) -> None:
        delivery = a.delivery("1", batch="b")
        await commit(store, "w1", deliveries=(delivery,))
        move = a.move(delivery, DeliveryState.SENDING, batch="", outbound=b"", attempts=0)
        await commit(store, "w2", delivery_moves=(move,))
        (row,) = await store.deliveries([delivery.id])
        assert (row.batch, row.outbound, row.attempts) == ("", b"", 0)

    async def test_several_moves_of_one_delivery_in_a_work_follow_each_other(self, store: Store) -> None:
        delivery = a.delivery("1")
        await commit(store, "w1", deliveries=(delivery,))
        first = a.move(delivery, DeliveryState.SENDING, outbound=b"frozen", attempts=5)
        second = DeliveryMove(delivery.id, DeliveryState.SENDING, DeliveryState.RETRYING, reason="busy", attempts=6)
        await commit(store, "w2", delivery_moves=(first, second))
        (row,) = await store.deliveries([delivery.id])
        assert (row.state, row.outbound, row.attempts, row.reason) == (DeliveryState.RETRYING, b"frozen", 6, "busy")

    async def test_an_exchange_ends_once(self, store: Store) -> None:
        exchange = a.exchange("1", "batch")
        await commit(store, "w1", exchanges=(exchange,))
        ended = ExchangeMove(exchange.id, ExchangeState.INTENT, ExchangeState.UNKNOWN, why="reset", ended_at=8.5)
        await commit(store, "w2", exchange_moves=(ended,))
        refused = await refuse(store, "w3", exchange_moves=(ended,))
        assert (refused.guard, refused.found) == (ended, "unknown")
        expected = replace(exchange, state=ExchangeState.UNKNOWN, why="reset", ended_at=8.5)
        assert list(await store.exchanges(["batch"])) == [expected]
        again = ExchangeMove(exchange.id, ExchangeState.UNKNOWN, ExchangeState.INTENT, answer=b"", attempts=5)
        await commit(store, "w4", exchange_moves=(again,))
        (row,) = await store.exchanges(["batch"])
        assert (row.state, row.answer, row.attempts) == (ExchangeState.INTENT, b"", 5)

    async def test_a_work_may_move_what_it_appends(self, store: Store) -> None:
        message, delivery, exchange = a.message("1"), a.delivery("1"), a.exchange("1", "batch")
        await commit(
            store,
            "w",
            messages=(message,),
            message_moves=(MessageMove(message.id, MessageState.RECEIVED, MessageState.IGNORED, "no"),),
            deliveries=(delivery,),
            delivery_moves=(a.move(delivery, DeliveryState.SENDING),),
            exchanges=(exchange,),
            exchange_moves=(ExchangeMove(exchange.id, ExchangeState.INTENT, ExchangeState.OK),),
        )
        assert (await store.messages([message.id]))[0].state is MessageState.IGNORED
        assert (await store.deliveries([delivery.id]))[0].state is DeliveryState.SENDING
        assert (await store.exchanges(["batch"]))[0].state is ExchangeState.OK

    async def test_a_refused_move_takes_back_the_moves_before_it(self, store: Store) -> None:
        one, two = a.delivery("1"), a.delivery("2", number=2)
        await commit(store, "w1", deliveries=(one, two))
        moves = (a.move(one, DeliveryState.SENDING), DeliveryMove(two.id, DeliveryState.HELD, DeliveryState.WAITING))
        works = [
            Work("w2", delivery_moves=moves, counts=(Count("f", "n", 1),), positions=(Position(a.lane(1), 9),)),
            Work("w3", delivery_moves=(a.move(one, DeliveryState.DEAD),)),
        ]
        answers = await asyncio.gather(*(store.apply(work) for work in works))
        assert [isinstance(answer, Committed) for answer in answers] == [False, True]
        assert (await store.deliveries([one.id]))[0].state is DeliveryState.DEAD
        assert await store.counts() == {}
        assert (await store.lease([a.lane(1)], "w", 9.0, 0.0))[a.lane(1)].position == 0
