"""A PostgreSQL that goes away and comes back: who is told what, and when it is over."""

import asyncio

import pytest

from crossdock.core.errors import NotNow
from crossdock.core.work import Work
from crossdock.stores.postgres import PostgresStore, committer
from crossdock.testing.services import Postgres
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit


async def test_arrivals_are_taken_again_when_the_server_is_back_though_nothing_else_is_committed(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "ARRIVALS_WAIT_S", 0.0)
    store = PostgresStore(server.url)
    await commit(store, "w1")
    await asyncio.to_thread(server.stop)
    with pytest.raises(NotNow, match="PostgreSQL is away"):
        await store.apply(Work("w2", arrivals=(a.arrival("1"),)))
    await asyncio.to_thread(server.start)
    async with asyncio.timeout(20.0):
        while await store.refusal():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    await commit(store, "w2", arrivals=(a.arrival("1"),))
    await store.close()
