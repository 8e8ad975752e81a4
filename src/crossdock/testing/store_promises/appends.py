"""Appends: what is written once is there once, whole, in order."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from crossdock.core.delivery import ExchangeState
from crossdock.core.ids import digest, partition_of
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.store import Store
from crossdock.core.wire import PayloadRef
from crossdock.core.work import Committed, Count, ExchangeMove, Payload, Work
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit, refuse

MIB = 1 << 20


class Appends:
    async def test_arrival_payload_and_message_are_read_back_as_they_were(self, store: Store) -> None:
        arrival, message = a.arrival("1"), a.message("1")
        await commit(store, "w", payloads=(a.payload("1", b"raw"),), arrivals=(arrival,), messages=(message,))
        assert await store.arrival(arrival.id) == arrival
        assert list(await store.messages([message.id])) == [replace(message, number=1)]
        assert await store.payloads([message.body]) == {message.body.id: b"raw"}

    async def test_an_event_is_read_back_as_it_was(self, store: Store) -> None:
        event = a.event("1")
        await commit(store, "w", events=(event,))
        assert list(await store.events([event.id])) == [replace(event, number=1)]

    async def test_a_delivery_is_read_back_as_it_was(self, store: Store) -> None:
        delivery = a.delivery("1", batch="together", settled_at=9.5, waiting_for=None)
        await commit(store, "w", deliveries=(delivery,))
        assert list(await store.deliveries([delivery.id])) == [delivery]

    async def test_the_journal_of_a_delivery_is_read_back_as_it_was(self, store: Store) -> None:
        delivery = a.delivery("1")
        exchange = a.exchange("1", delivery.id)
        effect, attempt = a.effect("1", delivery.id, exchange.id), a.attempt(exchange.id)
        await commit(store, "w", exchanges=(exchange,), effects=(effect,), attempts=(attempt,))
        assert list(await store.exchanges([delivery.id])) == [exchange]
        assert list(await store.effects([delivery.id])) == [effect]
        assert list(await store.attempts([exchange.id])) == [attempt]

    async def test_a_read_in_the_journal_has_no_effect_class(self, store: Store) -> None:
        exchange = replace(a.exchange("1", "batch"), effect=None)
        await commit(store, "w", exchanges=(exchange,))
        assert list(await store.exchanges(["batch"])) == [exchange]

    async def test_identities_of_any_text_come_back_letter_by_letter(self, store: Store) -> None:
        names = ["m-1", "ZÜRICH", "ab" * 16, "AB" * 16, "zz" * 16, "a" * 31, "0" * 64, "with\nline", "☃", "%_'\""]
        rows = tuple(replace(a.message("1"), id=name, arrival_id=name) for name in names)
        await commit(store, "w", messages=rows)
        assert [row.id for row in await store.messages(names)] == names
        assert [row.arrival_id for row in await store.messages(names)] == names

    async def test_unknown_identities_are_nowhere(self, store: Store) -> None:
        assert list(await store.messages(["none"])) == []
        assert list(await store.events(["none"])) == []
        assert list(await store.deliveries(["none"])) == []
        assert list(await store.exchanges(["none"])) == []
        assert await store.payloads([PayloadRef("none", 0, "")]) == {}
        assert await store.arrival("none") is None
        assert await store.record("none") is None

    # --- once ---------------------------------------------------------------------------------------------------

    async def test_g04_the_same_message_again_is_reported_and_changes_nothing(self, store: Store) -> None:
        message = a.message("1")
        first = await commit(store, "w1", messages=(message,))
        again = await commit(store, "w2", messages=(replace(message, topic="other", received_at=9.0),))
        assert (first.repeated, first.numbers) == (frozenset(), {message.id: 1})
        assert (again.repeated, again.conflicts, again.numbers) == (frozenset({message.id}), frozenset(), {})
        assert list(await store.messages([message.id])) == [replace(message, number=1)]

    async def test_g04_of_64_copies_at_once_one_becomes_a_message(self, store: Store) -> None:
        message = a.message("1")
        answers = await asyncio.gather(*(commit(store, f"w{copy}", messages=(message,)) for copy in range(64)))
        assert sum(answer.numbers == {message.id: 1} for answer in answers) == 1
        assert sum(answer.repeated == {message.id} for answer in answers) == 63

    async def test_g05_the_same_message_with_other_content_is_a_conflict(self, store: Store) -> None:
        message = a.message("1")
        await commit(store, "w1", messages=(message,))
        answer = await commit(store, "w2", messages=(replace(message, content_hash=digest("other")),))
        assert answer.conflicts == answer.repeated == {message.id}
        assert list(await store.messages([message.id])) == [replace(message, number=1)]

    async def test_a_message_twice_in_one_work_is_one_message(self, store: Store) -> None:
        message = a.message("1")
        answer = await commit(store, "w", messages=(message, message))
        assert answer.numbers == {message.id: 1}
        assert answer.repeated == {message.id}

    async def test_the_same_event_again_keeps_its_number(self, store: Store) -> None:
        event = a.event("1")
        await commit(store, "w1", events=(event,))
        answer = await commit(store, "w2", events=(event, a.event("2")))
        assert answer.repeated == {event.id}
        assert answer.numbers == {a.event("2").id: 2}

    async def test_the_same_delivery_again_keeps_its_state(self, store: Store) -> None:
        delivery = a.delivery("1")
        await commit(store, "w1", deliveries=(delivery,))
        await commit(store, "w2", delivery_moves=(a.move(delivery, DeliveryState.HELD),))
        assert (await commit(store, "w3", deliveries=(delivery,))).repeated == {delivery.id}
        (row,) = await store.deliveries([delivery.id])
        assert row.state is DeliveryState.HELD

    async def test_the_same_exchange_effect_and_attempt_again_change_nothing(self, store: Store) -> None:
        exchange = a.exchange("1", "batch")
        effect, attempt = a.effect("1", "batch", exchange.id), a.attempt(exchange.id)
        await commit(store, "w1", exchanges=(exchange,), effects=(effect,), attempts=(attempt,))
        ended = ExchangeMove(exchange.id, ExchangeState.INTENT, ExchangeState.OK, b"done")
        await commit(store, "w2", exchange_moves=(ended,))
        await commit(store, "w3", exchanges=(exchange,), effects=(effect,), attempts=(replace(attempt, status=200),))
        (row,) = await store.exchanges(["batch"])
        assert (row.state, row.answer) == (ExchangeState.OK, b"done")
        assert list(await store.effects(["batch"])) == [effect]
        assert list(await store.attempts([exchange.id])) == [attempt]

    async def test_messages_that_come_again_in_another_arrival_add_nothing(self, store: Store) -> None:
        first, again = a.arrival("1"), a.arrival("2")
        message, payload = a.message("1"), a.payload("1", b"raw")
        await commit(store, "w1", payloads=(payload,), arrivals=(first,), messages=(message,))
        later = replace(message, arrival_id=again.id, body=again.payload)
        other = a.payload("2", b"raw")
        done = await commit(store, "w2", payloads=(other,), arrivals=(again,), messages=(later,))
        assert done.repeated == {message.id}
        assert await store.arrival(again.id) is None
        assert await store.payloads([message.body, other.ref]) == {payload.ref.id: b"raw"}

    async def test_of_an_arrival_that_repeats_a_part_only_what_is_new_is_kept(self, store: Store) -> None:
        await commit(store, "w1", payloads=(a.payload("1"),), arrivals=(a.arrival("1"),), messages=(a.message("1"),))
        old = replace(a.message("1"), arrival_id=a.arrival("2").id, body=a.payload("old again").ref)
        new = replace(a.message("2"), arrival_id=a.arrival("2").id, body=a.payload("new").ref)
        payloads = (a.payload("2"), a.payload("old again"), a.payload("new"))
        await commit(store, "w2", payloads=payloads, arrivals=(a.arrival("2"),), messages=(old, new))
        assert await store.arrival(a.arrival("2").id) is not None
        found = await store.payloads([payload.ref for payload in payloads])
        assert set(found) == {a.payload("2").ref.id, a.payload("new").ref.id}
        assert [row.arrival_id for row in await store.messages([old.id])] == [a.message("1").arrival_id]

    async def test_the_same_arrival_and_payload_again_change_nothing(self, store: Store) -> None:
        arrival, payload = a.arrival("1"), a.payload("1", b"first")
        await commit(store, "w1", payloads=(payload,), arrivals=(arrival,))
        other = Payload(payload.ref, b"second")
        await commit(store, "w2", payloads=(other,), arrivals=(replace(arrival, received_at=2.0),))
        assert await store.arrival(arrival.id) == arrival
        assert await store.payloads([payload.ref]) == {payload.ref.id: b"first"}

    # --- bytes --------------------------------------------------------------------------------------------------

    async def test_g33_bytes_survive_unchanged(self, store: Store) -> None:
        data = {
            "all": bytes(range(256)),
            "none": b"",
            "nul": b"\0",
            "big": bytes(range(256)) * (3 * MIB // 256) + b"end",
        }
        payloads = tuple(a.payload(name, value) for name, value in data.items())
        await commit(store, "w", payloads=payloads)
        found = await store.payloads([payload.ref for payload in payloads])
        assert found == {payload.ref.id: payload.data for payload in payloads}

    async def test_a_big_payload_again_with_other_bytes_is_not_mixed_with_the_first(self, store: Store) -> None:
        payload = a.payload("1", b"small")
        await commit(store, "w1", payloads=(payload,))
        await commit(store, "w2", payloads=(Payload(payload.ref, b"x" * (2 * MIB)),))
        assert await store.payloads([payload.ref]) == {payload.ref.id: b"small"}

    # --- numbers ------------------------------------------------------------------------------------------------

    async def test_numbers_count_from_1_without_a_gap_in_each_partition(self, store: Store) -> None:
        keys = a.other_partitions(3)
        works = [Work(f"w{number}", messages=(a.message(f"{number}", hint=keys[number % 3]),)) for number in range(30)]
        answers = await asyncio.gather(*(store.apply(work) for work in works))
        numbers: dict[str, list[int]] = {key: [] for key in keys}
        for work, answer in zip(works, answers, strict=True):
            assert isinstance(answer, Committed)
            numbers[work.messages[0].order_hint] += answer.numbers.values()
        assert all(sorted(given) == list(range(1, 11)) for given in numbers.values())
        heads = await store.heads(a.INBOX)
        assert {key: heads[partition_of(key)] for key in keys} == dict.fromkeys(keys, 10)
        assert sum(heads) == 30

    async def test_numbers_follow_the_order_in_which_works_came(self, store: Store) -> None:
        messages = [a.message(str(index)) for index in range(50)]
        answers = await asyncio.gather(
            *(commit(store, f"w{index}", messages=(message,)) for index, message in enumerate(messages))
        )
        assert [answer.numbers[message.id] for answer, message in zip(answers, messages, strict=True)] == [
            *range(1, 51)
        ]

    async def test_every_inbox_and_the_events_count_for_themselves(self, store: Store) -> None:
        await commit(store, "w1", messages=(a.message("1"), a.message("2"), a.message("1", connection="till")))
        await commit(store, "w2", events=(a.event("1"),))
        assert sum(await store.heads("inbox/shop")) == 2
        assert sum(await store.heads("inbox/till")) == 1
        assert sum(await store.heads("events")) == 1
        assert sum(await store.heads("inbox/nobody")) == 0

    async def test_repeated_and_refused_appends_use_no_number(self, store: Store) -> None:
        await commit(store, "w1", messages=(a.message("1"),))
        await commit(store, "w2", messages=(a.message("1"),))
        unknown = a.move(a.delivery("none"), DeliveryState.SENDING)
        await refuse(store, "w3", messages=(a.message("2"),), delivery_moves=(unknown,))
        assert (await commit(store, "w4", messages=(a.message("3"),))).numbers == {a.message("3").id: 2}

    async def test_a_message_may_come_quarantined(self, store: Store) -> None:
        message = a.message("1", state=MessageState.QUARANTINED)
        await commit(store, "w", messages=(message,))
        (row,) = await store.messages([message.id])
        assert (row.state, row.reason) == (MessageState.QUARANTINED, "because")


class Works:
    """The Work itself: all of it or nothing, once, whoever its neighbours are."""

    async def test_a_work_applied_again_changes_nothing_and_is_committed(self, store: Store) -> None:
        work = Work("w", messages=(a.message("1"),), counts=(Count("flow/f", "read", 5),))
        await store.apply(work)
        again = await store.apply(work)
        assert isinstance(again, Committed)
        assert again.repeated == {a.message("1").id}
        assert again.numbers == {}
        assert await store.counts() == {("flow/f", "read"): 5}

    async def test_a_work_in_flight_64_times_happens_once(self, store: Store) -> None:
        work = Work("w", counts=(Count("flow/f", "read", 1),))
        answers = await asyncio.gather(*(store.apply(work) for _ in range(64)))
        assert all(isinstance(answer, Committed) for answer in answers)
        assert await store.counts() == {("flow/f", "read"): 1}

    async def test_applied_answers_whether_a_work_was_committed(self, store: Store) -> None:
        await commit(store, "yes")
        await refuse(store, "no", delivery_moves=(a.move(a.delivery("none"), DeliveryState.SENDING),))
        assert [await store.applied(work_id) for work_id in ("yes", "no", "never")] == [True, False, False]

    async def test_a_refused_work_may_come_again_when_it_holds(self, store: Store) -> None:
        delivery = a.delivery("1")
        moves = (a.move(delivery, DeliveryState.SENDING),)
        await refuse(store, "w", delivery_moves=moves)
        await commit(store, "plan", deliveries=(delivery,))
        await commit(store, "w", delivery_moves=moves)

    async def test_a_refused_neighbour_harms_nobody(self, store: Store) -> None:
        unknown = a.move(a.delivery("none"), DeliveryState.SENDING)
        works = [
            Work(
                f"w{number}",
                messages=(a.message(str(number)),),
                counts=(Count("flow/f", "read", 1),),
                delivery_moves=(unknown,) if number % 2 else (),
            )
            for number in range(100)
        ]
        answers = await asyncio.gather(*(store.apply(work) for work in works))
        assert [isinstance(answer, Committed) for answer in answers] == [number % 2 == 0 for number in range(100)]
        assert await store.counts() == {("flow/f", "read"): 50}
        assert sum(await store.heads(a.INBOX)) == 50
        kept = await store.messages([a.message(str(number)).id for number in range(100)])
        assert {row.id for row in kept} == {a.message(str(number)).id for number in range(0, 100, 2)}

    async def test_a_refused_work_leaves_nothing_of_itself(self, store: Store) -> None:
        unknown = a.move(a.delivery("none"), DeliveryState.SENDING)
        exchange = a.exchange("1", "batch")
        await refuse(
            store,
            "w",
            payloads=(a.payload("1"),),
            arrivals=(a.arrival("1"),),
            messages=(a.message("1"),),
            events=(a.event("1"),),
            deliveries=(a.delivery("1"),),
            exchanges=(exchange,),
            effects=(a.effect("1", "batch", exchange.id),),
            attempts=(a.attempt(exchange.id),),
            counts=(Count("flow/f", "read", 1),),
            delivery_moves=(unknown,),
        )
        assert await store.payloads([a.payload("1").ref]) == {}
        assert await store.arrival(a.arrival("1").id) is None
        assert list(await store.events([a.event("1").id])) == []
        assert list(await store.deliveries([a.delivery("1").id])) == []
        assert list(await store.exchanges(["batch"])) == []
        assert list(await store.effects(["batch"])) == []
        assert list(await store.attempts([exchange.id])) == []
        assert await store.counts() == {}
        assert await store.tallies() == {}

    async def test_a_work_that_no_column_takes_harms_nobody(self, store: Store) -> None:
        broken = replace(a.message("1"), topic="\ud800")
        works = [
            Work("w1", messages=(a.message("2"),)),
            Work("w2", messages=(broken,)),
            Work("w3", events=(a.event("1"),)),
        ]
        answers = await asyncio.gather(*(store.apply(work) for work in works), return_exceptions=True)
        assert [isinstance(answer, Committed) for answer in answers] == [True, False, True]
        assert not await store.applied("w2")
        assert sum(await store.heads(a.INBOX)) == 1

    async def test_what_one_work_appends_the_next_in_flight_may_move(self, store: Store) -> None:
        delivery = a.delivery("1")
        plan = store.apply(Work("w1", deliveries=(delivery,)))
        send = store.apply(Work("w2", delivery_moves=(a.move(delivery, DeliveryState.SENDING, outbound=b"x"),)))
        answers = await asyncio.gather(plan, send)
        assert all(isinstance(answer, Committed) for answer in answers)
        (row,) = await store.deliveries([delivery.id])
        assert (row.state, row.outbound) == (DeliveryState.SENDING, b"x")

    async def test_hundreds_of_callers_all_get_their_answer(self, store: Store) -> None:
        works = [Work(f"w{number}", counts=(Count("flow/f", "read", 1),)) for number in range(700)]
        answers = await asyncio.gather(*(store.apply(work) for work in works))
        assert all(isinstance(answer, Committed) for answer in answers)
        assert await store.counts() == {("flow/f", "read"): 700}

    async def test_a_work_may_be_large(self, store: Store) -> None:
        messages = tuple(a.message(str(number), hint=f"order/{number}") for number in range(1500))
        assert len((await commit(store, "w", messages=messages)).numbers) == 1500
        assert sum(await store.heads(a.INBOX)) == 1500

    async def test_a_caller_that_gives_up_does_not_take_its_work_back(self, store: Store) -> None:
        caller = asyncio.ensure_future(store.apply(Work("w", counts=(Count("flow/f", "read", 1),))))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        await commit(store, "later")
        assert await store.counts() == {("flow/f", "read"): 1}
