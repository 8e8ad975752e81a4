"""Group commit: what gathered while the last group was written goes together, as one transaction.

Commits of all workers follow one another under an advisory lock, so that numbers are gapless and a batch may be
decided on what it looked up (docs/decisions/0004).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from crossdock.core.errors import StoreError
from crossdock.core.work import Committed, NotCommitted, Work
from crossdock.stores.batch import Batch
from crossdock.stores.postgres.lookup import look_up
from crossdock.stores.postgres.opening import LOCK, driver
from crossdock.stores.postgres.writes import write

GROUP = 256
OTHERS = 64
"""of a group are at least for the lanes' Works, while arrivals never end"""

Answer = Committed | NotCommitted | StoreError


class Committer:
    def __init__(self, opened: Callable[[], Awaitable[Any]], now: Callable[[], float]) -> None:
        """`opened` gives the pool; it may raise StoreError."""
        self._opened = opened
        self._now = now
        self._arrivals: deque[tuple[Work, asyncio.Future[Committed | NotCommitted]]] = deque()
        self._others: deque[tuple[Work, asyncio.Future[Committed | NotCommitted]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def apply(self, work: Work) -> Committed | NotCommitted:
        future: asyncio.Future[Committed | NotCommitted] = asyncio.get_running_loop().create_future()
        (self._arrivals if work.arrivals else self._others).append((work, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(), name="store commits")
        return await future

    async def drain(self) -> None:
        """Returns when everything queued is answered."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        while self._arrivals or self._others:
            reserved = min(len(self._others), OTHERS)
            group = [self._arrivals.popleft() for _ in range(min(len(self._arrivals), GROUP - reserved))]
            group += [self._others.popleft() for _ in range(min(len(self._others), GROUP - len(group)))]
            answers = await self._commit([work for work, _ in group])
            for (_, future), answer in zip(group, answers, strict=True):
                if future.done():
                    continue  # the caller gave up; the Work stands all the same
                if isinstance(answer, StoreError):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    async def _commit(self, works: Sequence[Work]) -> list[Answer]:
        asyncpg = driver()
        try:
            pool = await self._opened()
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
                batch = Batch(await look_up(connection, works))
                answers = [batch.decide(work) for work in works]
                await write(connection, batch.changes, self._now())
        except (
            OSError,
            asyncpg.InterfaceError,
            asyncpg.PostgresConnectionError,
            asyncpg.OperatorInterventionError,
        ) as error:
            lost = StoreError(
                f"PostgreSQL was lost amid a commit: {error}",
                hint="Whether it was committed is unknown; applying the same Work again is safe.",
            )
            return [lost] * len(works)
        except StoreError as error:
            return [error] * len(works)
        except Exception as error:
            if len(works) == 1:
                refused = StoreError(f"Work {works[0].id} cannot be written: {type(error).__name__}: {error}")
                refused.__cause__ = error
                return [refused]
            # One of them holds what no column takes. Each on its own, so that it harms nobody.
            return [answer for work in works for answer in await self._commit([work])]
        return list(answers)
