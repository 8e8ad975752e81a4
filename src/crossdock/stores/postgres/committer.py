"""Group commit: what gathered while the last group was written goes together, as one transaction.

Workers commit beside one another: a group locks the rows that it was decided on, and takes its numbers from the heads
last (docs/decisions/0006). Where two collide, the second is decided again. Where the server is lost, the group is
applied again when it is back: whether it had been committed is told by the ids of its Works. Should the task that
commits come to an end, for want of memory, nobody waits for it: StoreLost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from msgspec.structs import replace

from crossdock.core import crash
from crossdock.core.errors import NotNow, StoreError, StoreLost
from crossdock.core.event import STREAM
from crossdock.core.work import Committed, LaneFence, NotCommitted, Work
from crossdock.stores.batch import Batch, Changes
from crossdock.stores.facts import Head
from crossdock.stores.postgres.lookup import look_up
from crossdock.stores.postgres.opening import driver
from crossdock.stores.postgres.outage import OUTAGE_S, Outage, is_lost
from crossdock.stores.postgres.writes import There, write

GROUP = 256
OTHERS = 64
"""of a group are at least for the lanes' Works, while arrivals never end"""
GATHER_S = 0.005
LONGEST_GATHER_S = 0.02
"""Under load a group begins so long after the one before it, for each worker there is, or when OTHERS are waiting. A
group has a cost of its own: several workers that commit small ones as fast as they can are slower than one worker."""
LOOK_S = 0.002
LOAD = 8
"""Works in the group before"""
RACES = 10
"""How often a group that collided is decided again before its Works go one by one."""
ARRIVALS_WAIT_S = 2.0
"""for a lost server; then their senders are asked to send again"""
ANSWERS_WITHIN_S = 4.0
"""A server that says nothing for so long, neither yes nor no, is away for arrivals: platforms hang up after 5 s."""
log = structlog.get_logger("crossdock.hub")

Answer = Committed | NotCommitted | StoreError
Waiting = tuple[Work, asyncio.Future[Committed | NotCommitted]]


class _Overtaken(Exception):
    """What was looked up was out of date when it was decided on."""


class Committer:
    def __init__(self, opened: Callable[[], Awaitable[Any]], now: Callable[[], float], slot: int) -> None:
        """`opened` gives the pool; it may raise StoreError. `slot`: where this worker keeps its sums."""
        self._opened = opened
        self._now = now
        self._slot = slot
        self._arrivals: deque[Waiting] = deque()
        self._others: deque[Waiting] = deque()
        self._taken: list[Waiting] = []
        """what is being written"""
        self._running: asyncio.Task[None] | None = None
        self._lost: StoreLost | None = None
        self._outage: Outage | None = None
        self._closing = False
        self.workers = 1
        """that commit to this database"""
        self._began_at = 0.0
        self._amount = 0
        """of the last group, and when it began"""

    @property
    def away(self) -> NotNow | StoreLost | None:
        """What arrivals are told; None = they are taken."""
        if self._lost is not None:
            return self._lost
        outage = self._outage
        return outage.not_now() if outage is not None and outage.lasted_s > ARRIVALS_WAIT_S else None

    async def apply(self, work: Work) -> Committed | NotCommitted:
        if self._lost is not None:
            raise self._lost
        if work.arrivals and (away := self.away) is not None:
            raise away
        future: asyncio.Future[Committed | NotCommitted] = asyncio.get_running_loop().create_future()
        (self._arrivals if work.arrivals else self._others).append((work, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(), name="store commits")
        return await future

    async def drain(self) -> None:
        """Returns when everything queued is answered."""
        self._closing = True
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        try:
            await self._serve()
        except Exception as error:
            self._lost = StoreLost(
                f"the store's writer ended: {type(error).__name__}",
                hint="Start the hub again, with more memory: what was acknowledged is there.",
            )
            self._lost.__cause__ = error
            for _, future in [*self._taken, *self._arrivals, *self._others]:
                _tell(future, self._lost)

    async def _serve(self) -> None:
        while self._arrivals or self._others or self._looks_for_the_server:
            await self._gather()
            reserved = min(len(self._others), OTHERS)
            group = [self._arrivals.popleft() for _ in range(min(len(self._arrivals), GROUP - reserved))]
            group += [self._others.popleft() for _ in range(min(len(self._others), GROUP - len(group)))]
            self._taken = group
            self._began_at, self._amount = asyncio.get_running_loop().time(), len(group)
            await self._answer(group)

    async def _answer(self, group: list[Waiting]) -> None:
        """Returns when each of them was told. Of nobody: when it is known whether the server is there."""
        while True:
            silence = asyncio.get_running_loop().call_later(ANSWERS_WITHIN_S, self._is_silent, group)
            try:
                answers = await self._commit([work for work, _ in group])
            except Exception as error:
                if not is_lost(error):
                    raise
                group = await self._wait_for_the_server(group, error)
                if not group:
                    return
            else:
                self._outage = None
                for (_, future), answer in zip(group, answers, strict=True):
                    _tell(future, answer)
                return
            finally:
                silence.cancel()

    @property
    def _looks_for_the_server(self) -> bool:
        """Arrivals are refused until it is back, so somebody must look, though nobody waits for a commit."""
        return self._outage is not None and not self._closing

    async def _gather(self) -> None:
        if self._amount < LOAD or self._closing:
            return
        ends_at = self._began_at + min(GATHER_S * self.workers, LONGEST_GATHER_S)
        loop = asyncio.get_running_loop()
        while loop.time() < ends_at and len(self._arrivals) + len(self._others) < OTHERS:  # noqa: ASYNC110 - a look costs less than telling of each
            await asyncio.sleep(LOOK_S)

    def _is_silent(self, group: list[Waiting]) -> None:
        """Its commit may hold all the same: then what is sent again is known."""
        silence = TimeoutError("it does not answer")
        outage = self._outage = self._outage or Outage(silence, ANSWERS_WITHIN_S)
        _, refused = _parted([*group, *self._arrivals])
        self._arrivals.clear()
        for _, future in refused:
            _tell(future, outage.not_now())

    async def _wait_for_the_server(self, group: list[Waiting], error: Exception) -> list[Waiting]:
        """Those that go on waiting: not arrivals for long, and nobody when the store is being closed."""
        self._outage = self._outage or Outage(error)
        outage = self._outage
        if self._closing or outage.lasted_s > OUTAGE_S:
            for _, future in group:
                _tell(future, outage.lost())
            group = []
        elif outage.lasted_s > ARRIVALS_WAIT_S:
            group, refused = _parted(group)
            refused += self._arrivals
            self._arrivals.clear()
            for _, future in refused:
                _tell(future, outage.not_now())
        if not self._closing:
            await outage.pause()
        return group

    # --- one group ----------------------------------------------------------------------------------------------

    async def _commit(self, works: Sequence[Work]) -> list[Answer]:
        """Without Works it looks whether the server is there. Raises what `is_lost`."""
        asyncpg = driver()
        races = (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError, _Overtaken)
        cause: Exception | None = None
        for _ in range(RACES):
            try:
                return await self._once(works)
            except races as error:
                cause = error
            except StoreError as error:
                return [error] * len(works)
            except Exception as error:
                if is_lost(error):
                    raise
                cause = error
                break
        if len(works) == 1:
            refused = StoreError(f"Work {works[0].id} cannot be written: {type(cause).__name__}: {cause}")
            refused.__cause__ = cause
            return [refused]
        # One of them holds what no column takes. Each on its own, so that it harms nobody.
        return [answer for work in works for answer in await self._commit([work])]

    async def _once(self, works: Sequence[Work]) -> list[Answer]:
        pool = await self._opened()
        async with pool.acquire() as connection, _transaction(connection):
            if not works:
                return []
            facts = await look_up(connection, works)
            there = There.of(facts)
            batch = Batch(facts)
            answers = [batch.decide(work) for work in works]
            await _refuse_in_earnest(connection, works, answers)
            offsets = await write(connection, batch.changes, there, self._now(), self._slot)
            if batch.changes.arrivals:
                crash.at("ingest.inserted")
        overtaken = sum(isinstance(one, NotCommitted) and isinstance(one.guard, LaneFence) for one in answers)
        if overtaken:
            log.warning("another worker has taken this one's place: what it would write is refused", works=overtaken)
        return [_numbered(answer, batch.changes, offsets) for answer in answers]


@asynccontextmanager
async def _transaction(connection: Any) -> AsyncIterator[None]:
    """Planned once: what a group looks up and writes goes by its keys, however many there are. Planning its statements
    anew for each takes as long as running them."""
    await connection.execute("BEGIN; SET LOCAL plan_cache_mode = force_generic_plan")
    try:
        yield
    except BaseException:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")


async def _refuse_in_earnest(connection: Any, works: Sequence[Work], answers: Sequence[object]) -> None:
    """A Work that is applied again may have waited for its own earlier commit, whose answer was lost, and find the rows
    as that one left them. Raises _Overtaken then."""
    refused = [work.id for work, answer in zip(works, answers, strict=True) if isinstance(answer, NotCommitted)]
    if refused and await connection.fetchval("SELECT 1 FROM works WHERE id = ANY($1::text[]) LIMIT 1", refused):
        raise _Overtaken


def _numbered(answer: Committed | NotCommitted, changes: Changes, offsets: Mapping[Head, int]) -> Answer:
    """Numbers were counted from 1 in the batch."""
    if isinstance(answer, NotCommitted) or not answer.numbers:
        return answer
    numbers: dict[str, int] = {}
    for identity, number in answer.numbers.items():
        if identity in changes.messages:
            message, partition, _ = changes.messages[identity]
            numbers[identity] = number + offsets[message.stream, partition]
        else:
            numbers[identity] = number + offsets[STREAM, changes.events[identity][1]]
    return replace(answer, numbers=numbers)


def _parted(group: list[Waiting]) -> tuple[list[Waiting], list[Waiting]]:
    """(the others, arrivals)."""
    return [one for one in group if not one[0].arrivals], [one for one in group if one[0].arrivals]


def _tell(future: asyncio.Future[Committed | NotCommitted], answer: Answer) -> None:
    if future.done():
        return  # the caller gave up; the Work stands all the same
    if isinstance(answer, StoreError):
        future.set_exception(answer)
    else:
        future.set_result(answer)
