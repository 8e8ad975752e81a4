"""The contract, kept by PostgreSQL; and what only a shared store can get wrong."""

import asyncio
import builtins
from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossdock.core.errors import StoreError
from crossdock.core.store import Store
from crossdock.core.work import Claim, Committed, Count, CrossReferenceAbsent, LaneFence, Position, Work
from crossdock.stores import open_store
from crossdock.stores.postgres import PostgresStore, opening
from crossdock.testing.store_contract import StoreContract
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit, refuse

asyncpg = pytest.importorskip("asyncpg", reason="no asyncpg: pip install 'crossdock[postgres]'")


@pytest.fixture
async def url(postgres: str) -> str:
    """The server's database, emptied."""
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"DROP SCHEMA IF EXISTS {opening.SCHEMA} CASCADE")
    await connection.close()
    return postgres


class TestPostgres(StoreContract):
    url = ""

    @pytest.fixture(autouse=True)
    def _emptied(self, url: str) -> None:
        self.url = url

    async def open_store(self) -> Store:
        return PostgresStore(self.url)


class TestWorkers:
    """Several hubs' workers on one store."""

    @pytest.fixture
    async def workers(self, url: str) -> AsyncIterator[list[Store]]:
        workers = [open_store(url) for _ in range(4)]
        yield workers
        for worker in workers:
            await worker.close()

    async def test_g04_of_64_copies_over_4_workers_one_becomes_a_message(self, workers: list[Store]) -> None:
        message = a.message("1")
        answers = await asyncio.gather(
            *(commit(workers[copy % 4], f"w{copy}", messages=(message,)) for copy in range(64))
        )
        assert sum(answer.numbers == {message.id: 1} for answer in answers) == 1
        assert sum(answer.repeated == {message.id} for answer in answers) == 63

    async def test_numbers_of_4_workers_have_no_gap_and_no_double(self, workers: list[Store]) -> None:
        works = [Work(f"w{n}", messages=(a.message(str(n)),), counts=(Count("f", "n", 1),)) for n in range(200)]
        answers = await asyncio.gather(*(workers[n % 4].apply(work) for n, work in enumerate(works)))
        given = [number for answer in answers if isinstance(answer, Committed) for number in answer.numbers.values()]
        assert sorted(given) == list(range(1, 201))
        assert await workers[0].counts() == {("f", "n"): 200}

    async def test_of_64_creators_over_4_workers_one_claims(self, workers: list[Store]) -> None:
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

    async def test_g10_the_fence_of_a_lost_lane_is_refused_at_every_worker(self, workers: list[Store]) -> None:
        lane = a.lane(3)
        old = (await workers[0].lease([lane], "one", 30.0, 0.0))[lane]
        new = (await workers[1].lease([lane], "two", 60.0, 31.0))[lane]
        moved = (Position(lane, 5),)
        await refuse(workers[0], "zombie", guards=(LaneFence(lane, old.fence),), positions=moved)
        await commit(workers[1], "holder", guards=(LaneFence(lane, new.fence),), positions=moved)

    async def test_workers_that_start_together_make_one_schema(self, url: str) -> None:
        workers = [PostgresStore(url) for _ in range(5)]
        assert await asyncio.gather(*(worker.counts() for worker in workers)) == [{}] * 5
        for worker in workers:
            await worker.close()


async def test_a_newer_schema_refuses_an_older_program(url: str) -> None:
    store = PostgresStore(url)
    await store.counts()
    await store.close()
    connection = await asyncpg.connect(url)
    await connection.execute(f"INSERT INTO {opening.SCHEMA}.schema_version VALUES (999)")
    await connection.close()
    store = PostgresStore(url)
    with pytest.raises(StoreError, match="newer Crossdock: its schema is 999"):
        await store.apply(Work("w"))
    await store.close()


async def test_a_lost_server_is_a_store_error_and_the_same_work_may_come_again(url: str) -> None:
    store = PostgresStore(url)
    await commit(store, "w1")
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crossdock'"
    )
    work = Work("w2", counts=(Count("f", "n", 1),))
    answers = [answer for answer in [await _tried(store, work) for _ in range(20)] if answer is not None]
    assert answers
    assert all(isinstance(answer, Committed) for answer in answers)
    assert await store.counts() == {("f", "n"): 1}
    await connection.close()
    await store.close()


async def _tried(store: Store, work: Work) -> object:
    try:
        return await store.apply(work)
    except StoreError:
        return None


async def test_a_server_that_is_not_there_is_a_store_error(tmp_path: Any) -> None:
    store = PostgresStore(f"postgresql://hub@/postgres?host={tmp_path}")
    with pytest.raises(StoreError, match="PostgreSQL cannot be reached"):
        await store.apply(Work("w"))
    await store.close()


def test_without_the_driver_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "asyncpg":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StoreError, match=r"pip install 'crossdock\[postgres\]'"):
        open_store("postgresql://hub@localhost/hub")
