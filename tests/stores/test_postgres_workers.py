"""What only a store that several workers share can get wrong."""

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import structlog

from crossdock.core.errors import NotNow, StoreError, StoreLost
from crossdock.core.lanes import lanes_of
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.store import Store, Worker
from crossdock.core.work import CellWrite, Claim, Committed, Count, CrossReferenceAbsent, LaneFence, Position, Work
from crossdock.stores.postgres import PostgresStore, committer, opening, outage
from crossdock.stores.postgres import store as postgres_store
from crossdock.testing.services import Postgres
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit, refuse

INBOX = lanes_of("normalise", a.message("1").stream)


@pytest.fixture
async def workers(url: str) -> AsyncIterator[list[PostgresStore]]:
    workers = [PostgresStore(url) for _ in range(4)]
    yield workers
    for worker in workers:
        await worker.close()


class Late:
    """Holds the commit of one Work back until told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, work_id: str) -> None:
        self.written = asyncio.Event()
        self.go = asyncio.Event()
        write = committer.write

        async def late(connection: Any, changes: Any, *rest: Any) -> Any:
            answer = await write(connection, changes, *rest)
            if work_id in changes.works:
                self.written.set()
                await self.go.wait()
            return answer

        monkeypatch.setattr(committer, "write", late)


async def somebody_waits(url: str) -> None:
    """Returns when a session waits for another's lock."""
    connection = await asyncpg.connect(url)
    async with asyncio.timeout(20.0):
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await connection.close()


class Heard:
    """What a worker was told by the others; first "", when it began to listen."""

    def __init__(self, worker: PostgresStore) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()
        worker.hear(self._told)

    def _told(self, line: str) -> None:
        self.lines.append(line)
        self._news.set()

    async def until(self, amount: int) -> None:
        while len(self.lines) < amount:
            self._news.clear()
            await self._news.wait()


# --- numbers and readers ------------------------------------------------------------------------------------------


async def test_g04_of_64_copies_over_4_workers_one_becomes_a_message(workers: list[Store]) -> None:
    message = a.message("1")
    answers = await asyncio.gather(*(commit(workers[n % 4], f"w{n}", messages=(message,)) for n in range(64)))
    assert sum(answer.numbers == {message.id: 1} for answer in answers) == 1
    assert sum(answer.repeated == {message.id} for answer in answers) == 63


async def test_numbers_of_4_workers_have_no_gap_and_no_double(workers: list[Store]) -> None:
    works = [Work(f"w{n}", messages=(a.message(str(n)),), counts=(Count("f", "n", 1),)) for n in range(200)]
    answers = await asyncio.gather(*(workers[n % 4].apply(work) for n, work in enumerate(works)))
    given = [number for answer in answers if isinstance(answer, Committed) for number in answer.numbers.values()]
    assert sorted(given) == list(range(1, 201))
    assert await workers[0].counts() == {("f", "n"): 200}


async def test_a_transaction_that_commits_late_is_not_skipped_by_a_reader(
    workers: list[PostgresStore], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = INBOX[a.message("1").partition]
    late = Late(monkeypatch, "late")
    first = asyncio.create_task(commit(workers[0], "late", messages=(a.message("1"),)))
    await late.written.wait()
    second = asyncio.create_task(commit(workers[1], "soon", messages=(a.message("2"),)))
    await somebody_waits(url)
    assert await workers[2].read({lane: 0}, 10) == []
    assert not second.done()
    late.go.set()
    assert (await first).numbers == {a.message("1").id: 1}
    assert (await second).numbers == {a.message("2").id: 2}
    assert [message.number for message in await workers[2].read({lane: 0}, 10)] == [1, 2]


async def test_who_appends_nothing_to_its_partition_does_not_wait_for_a_late_one(
    workers: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Late(monkeypatch, "late")
    first = asyncio.create_task(commit(workers[0], "late", messages=(a.message("1"),), counts=(Count("f", "n", 1),)))
    await late.written.wait()
    await commit(workers[1], "beside", deliveries=(a.delivery("9"),), counts=(Count("f", "n", 1),))
    late.go.set()
    await first
    assert await workers[2].counts() == {("f", "n"): 2}


async def test_a_reader_beside_4_writers_sees_every_number_in_turn(workers: list[Store]) -> None:
    async def append(worker: Store, who: int) -> None:
        for n in range(60):
            hint = random.Random(who * 1000 + n).randrange(40)
            message = a.message(f"{who}-{n}", hint=str(hint))
            await worker.apply(Work(f"{who}/{n}", messages=(message,)))

    writing = asyncio.gather(*(append(worker, who) for who, worker in enumerate(workers)))
    seen = dict.fromkeys(INBOX, 0)
    lanes = {lane.partition: lane for lane in INBOX}
    while True:
        over = writing.done()
        rows = await workers[0].read(seen, 1000)
        for row in rows:
            lane = lanes[row.partition]
            assert row.number == seen[lane] + 1
            seen[lane] = row.number
        if over and not rows:
            break
    await writing
    assert sum(seen.values()) == 240


# --- collisions ---------------------------------------------------------------------------------------------------


async def test_of_64_creators_over_4_workers_one_claims(workers: list[Store]) -> None:
    works = [
        Work(
            f"w{n}",
            guards=(CrossReferenceAbsent("books", "invoice", "order:1"),),
            cross_references=(Claim(a.claimed(effect_id=f"effect-{n}")),),
        )
        for n in range(64)
    ]
    answers = await asyncio.gather(*(workers[n % 4].apply(work) for n, work in enumerate(works)))
    assert sum(isinstance(answer, Committed) for answer in answers) == 1


async def test_a_cell_that_4_workers_write_at_once_counts_every_write(workers: list[Store]) -> None:
    for turn in range(10):
        works = [Work(f"{turn}/{n}", cells=(CellWrite("c", b"x"),)) for n in range(4)]
        await asyncio.gather(*(worker.apply(work) for worker, work in zip(workers, works, strict=True)))
    cell = await workers[0].cell("c")
    assert cell is not None
    assert cell.version == 40


async def test_the_same_work_at_two_workers_is_applied_once(workers: list[Store]) -> None:
    works = [Work(f"w{n}", counts=(Count("f", "n", 1),)) for n in range(20)]
    answers = await asyncio.gather(*(worker.apply(work) for work in works for worker in workers))
    assert all(isinstance(answer, Committed) for answer in answers)
    assert await workers[0].counts() == {("f", "n"): 20}


async def test_retention_that_the_server_gives_up_in_a_deadlock_is_tried_again(
    workers: list[PostgresStore], url: str
) -> None:
    old = a.message("1", state=MessageState.NORMALISED)
    await commit(workers[0], "w", messages=(old,))
    other = await asyncpg.connect(url)
    async with other.transaction():
        await other.execute(f"SELECT 1 FROM {opening.SCHEMA}.messages FOR UPDATE")
        pruning = asyncio.create_task(workers[0].prune({"messages": old.received_at + 1.0}, 10))
        await somebody_waits(url)
        # Who waited first is given up: that is retention.
        await other.execute("SELECT pg_advisory_xact_lock($1)", opening.LOCK)
        assert not pruning.done()
    await other.close()
    assert await pruning == {"messages": 1}


@pytest.mark.parametrize("queued", [1, 3])
async def test_nobody_waits_for_a_committer_that_ended_for_want_of_memory(
    url: str, monkeypatch: pytest.MonkeyPatch, queued: int
) -> None:
    def short(*_: object) -> object:
        raise MemoryError

    store = PostgresStore(url)
    await commit(store, "before")
    monkeypatch.setattr(committer.Committer, "_commit", short)
    asked = [store.apply(Work(f"late {number}")) for number in range(queued)]
    answers = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)
    assert all(isinstance(answer, StoreLost) for answer in answers)
    with pytest.raises(StoreLost, match="MemoryError"):
        await store.apply(Work("later"))
    assert "MemoryError" in await store.refusal()
    await store.close()
    monkeypatch.undo()
    again = PostgresStore(url)
    await commit(again, "after")
    await again.close()


# --- leases -------------------------------------------------------------------------------------------------------


async def test_g10_the_fence_of_a_lost_lane_is_refused_at_every_worker(workers: list[Store]) -> None:
    lane = a.lane(3)
    old = (await workers[0].lease([lane], "one", 30.0, 0.0))[lane]
    assert await workers[1].lease([lane], "two", 30.0, 0.0) == {}
    await workers[0].lease([lane], "one", 1e-6, 0.0)
    new = (await workers[1].lease([lane], "two", 30.0, 0.0))[lane]
    assert new.fence > old.fence
    moved = (Position(lane, 5),)
    await refuse(workers[0], "zombie", guards=(LaneFence(lane, old.fence),), positions=moved)
    await commit(workers[1], "holder", guards=(LaneFence(lane, new.fence),), positions=moved)


async def test_a_lease_is_measured_by_the_database_whatever_the_workers_clock_says(workers: list[Store]) -> None:
    lane, years = a.lane(3), 1e9
    await workers[0].lease([lane], "one", 30.0, 0.0)
    assert await workers[1].lease([lane], "ahead", years + 30.0, years) == {}
    await workers[0].lease([lane], "one", -years, -years)
    assert lane in await workers[1].lease([lane], "behind", 30.0 - years, -years)


async def test_a_lane_is_not_taken_over_amid_a_commit_that_holds_by_its_fence(
    workers: list[PostgresStore], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = a.lane(3)
    held = (await workers[0].lease([lane], "one", 1e-6, 0.0))[lane]
    late = Late(monkeypatch, "late")
    first = asyncio.create_task(
        commit(workers[0], "late", guards=(LaneFence(lane, held.fence),), counts=(Count("f", "n", 1),))
    )
    await late.written.wait()
    taking = asyncio.create_task(workers[1].lease([lane], "two", 30.0, 0.0))
    await somebody_waits(url)
    assert not taking.done()
    late.go.set()
    await first
    assert (await taking)[lane].fence == held.fence + 1


async def test_who_is_at_work_is_known_to_all_until_they_sign_off(workers: list[Store]) -> None:
    one, two = Worker("one", "all"), Worker("two", "receive")
    assert await workers[0].workers(one, 30.0, 0.0) == [one]
    assert await workers[1].workers(two, 30.0, 0.0) == [one, two]
    assert await workers[0].workers(one, 0.0, 0.0) == [two]


# --- news ---------------------------------------------------------------------------------------------------------


async def test_what_one_worker_announces_the_others_hear_and_it_does_not(workers: list[PostgresStore]) -> None:
    heard = [Heard(worker) for worker in workers]
    for one in heard:
        await one.until(1)
    news = [f"news {n} {'x' * 100}" for n in range(200)]
    for line in news:
        workers[0].announce(line)
    for one in heard[1:]:
        await one.until(201)
    assert [one.lines for one in heard] == [[""], *([["", *news]] * 3)]


async def test_a_listener_that_is_refused_says_so_once_and_hears_again_when_it_is_let_in(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "LONGEST_PAUSE_S", 0.05)
    admin = await asyncpg.connect(server.url)
    await admin.execute("CREATE ROLE worker SUPERUSER LOGIN")
    store = PostgresStore(server.url.replace("hub@", "worker@"))
    heard = Heard(store)
    await heard.until(1)
    with structlog.testing.capture_logs() as lines:
        await admin.execute("ALTER ROLE worker NOLOGIN")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'worker'")
        async with asyncio.timeout(20.0):
            while not lines:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        await admin.execute("ALTER ROLE worker LOGIN")
        async with asyncio.timeout(20.0):
            await heard.until(2)
    await admin.close()
    await store.close()
    assert ["not permitted to log in" in line["why"] for line in lines] == [True]


# --- a server that goes away --------------------------------------------------------------------------------------


async def test_a_killed_connection_loses_no_work_and_applies_none_twice(workers: list[PostgresStore]) -> None:
    killer = await asyncpg.connect(workers[0]._url.reveal())
    works = [Work(f"w{n}", messages=(a.message(str(n)),), counts=(Count("f", "n", 1),)) for n in range(300)]
    applying = asyncio.gather(*(workers[n % 4].apply(work) for n, work in enumerate(works)))
    for _ in range(8):
        await killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crossdock'"
        )
        await asyncio.sleep(0.01)
    answers = await applying
    await killer.close()
    assert all(isinstance(answer, Committed) for answer in answers)
    assert await workers[0].counts() == {("f", "n"): 300}
    assert sum(await workers[0].heads(INBOX[0].stream)) == 300


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_commit_whose_answer_was_lost_is_known_by_its_id(
    workers: list[PostgresStore], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    lost = [True]
    once = committer.Committer._once

    async def losing(self: committer.Committer, works: Any) -> Any:
        if lost and moment == "before":
            lost.clear()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        answers = await once(self, works)
        if lost:
            lost.clear()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return answers

    monkeypatch.setattr(committer.Committer, "_once", losing)
    await commit(workers[0], "w", counts=(Count("f", "n", 1),))
    assert not lost
    assert await workers[0].counts() == {("f", "n"): 1}


async def test_a_work_that_meets_its_own_commit_under_way_is_not_refused(
    workers: list[PostgresStore], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = a.delivery("1")
    await commit(workers[0], "plan", deliveries=(row,))
    late = Late(monkeypatch, "late")
    work = Work("late", delivery_moves=(a.move(row, DeliveryState.SENDING),))
    first = asyncio.create_task(workers[0].apply(work))
    await late.written.wait()
    again = asyncio.create_task(workers[1].apply(work))
    await somebody_waits(url)
    assert not again.done()
    late.go.set()
    assert isinstance(await first, Committed)
    assert isinstance(await again, Committed)


async def test_a_server_that_starts_again_is_found_again(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer, "ARRIVALS_WAIT_S", 0.0)
    store = PostgresStore(server.url)
    heard = Heard(store)
    await heard.until(1)
    await commit(store, "w1")
    await asyncio.to_thread(server.stop)
    waiting = asyncio.create_task(commit(store, "w2", counts=(Count("f", "n", 1),)))
    asking = asyncio.create_task(store.counts())
    with pytest.raises(NotNow, match="PostgreSQL is away"):
        await store.apply(Work("w3", arrivals=(a.arrival("1"),)))
    assert not waiting.done()
    await asyncio.to_thread(server.start)
    await waiting
    await asking
    await commit(store, "w3", arrivals=(a.arrival("1"),))
    await heard.until(2)
    assert await store.counts() == {("f", "n"): 1}
    await store.close()


async def test_g18_a_server_that_says_nothing_takes_nothing_in_and_what_it_had_is_known_by_its_id(
    workers: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "ANSWERS_WITHIN_S", 0.05)
    monkeypatch.setattr(committer, "ARRIVALS_WAIT_S", 0.0)
    late = Late(monkeypatch, "w1")
    with pytest.raises(NotNow, match="PostgreSQL is away"):
        await workers[0].apply(Work("w1", arrivals=(a.arrival("1"),), counts=(Count("f", "n", 1),)))
    assert await workers[0].refusal() == "PostgreSQL is away"
    with pytest.raises(NotNow):
        await workers[0].apply(Work("w2", arrivals=(a.arrival("2"),)))
    late.go.set()
    await commit(workers[0], "w3")
    assert await workers[0].refusal() == ""
    await commit(workers[0], "w1", arrivals=(a.arrival("1"),), counts=(Count("f", "n", 1),))
    assert await workers[0].counts() == {("f", "n"): 1}


async def test_a_server_that_fails_when_nobody_asks_any_more_leaves_no_traceback(
    workers: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    unheard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    answers = asyncio.Event()

    async def lost(query: str) -> None:
        await answers.wait()
        raise StoreError("PostgreSQL was lost")

    monkeypatch.setattr(postgres_store, "ANSWERS_WITHIN_S", 0.01)
    monkeypatch.setattr(workers[0], "_rows", lost)
    assert await workers[0].refusal() == "PostgreSQL is away"
    answers.set()
    await asyncio.sleep(0)
    assert await workers[0].refusal() == "PostgreSQL was lost"
    assert await workers[0].refusal() == "PostgreSQL was lost"
    gc.collect()
    assert not unheard


async def test_a_store_that_is_closed_while_its_server_is_away_says_so(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "FIRST_PAUSE_S", 0.01)
    store = PostgresStore(server.url)
    await commit(store, "w1")
    server.stop()
    waiting = asyncio.create_task(store.apply(Work("w2")))
    await asyncio.sleep(0.1)
    await store.close()
    with pytest.raises(Exception, match="PostgreSQL was lost"):
        await waiting


async def test_workers_that_start_together_make_one_schema(url: str) -> None:
    workers = [PostgresStore(url) for _ in range(5)]
    assert await asyncio.gather(*(worker.counts() for worker in workers)) == [{}] * 5
    for worker in workers:
        await worker.close()
    connection = await asyncpg.connect(url)
    versions = await connection.fetch(f"SELECT version FROM {opening.SCHEMA}.schema_version ORDER BY 1")
    await connection.close()
    assert [row[0] for row in versions] == list(range(1, len(opening.migrations()) + 1))
