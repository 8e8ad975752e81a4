"""What may be sent when: the account's budgets and concurrency, and the connection's breaker. One gate an account."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from math import inf

from msgspec.structs import replace

from crossdock.core.clock import Clock
from crossdock.core.limits import Breaker, Bucket, Budget, Limit

REQUESTS = "requests"
PATIENCE_S = 10.0
"""What would have to wait for longer is not kept waiting here: it is told when to come again."""


class NotYet(Exception):
    """A call is not sent now; `wait_s` says when to come again."""

    def __init__(self, why: str, wait_s: float) -> None:
        super().__init__(why)
        self.why = why
        self.wait_s = wait_s


class Gate:
    """First come, first served. Shared by every flow, poll and hydrate that speaks to the same account; each of several
    workers keeps to its part of what the account allows."""

    def __init__(self, limits: Iterable[Limit], clock: Clock, *, most_at_once: int = 64) -> None:
        limits = tuple(limits)
        self._clock = clock
        self._workers = 1
        counted = [limit for limit in limits if limit.per_s != inf]
        self._buckets = {limit.name: Bucket(limit, limit.capacity, clock.now()) for limit in counted}
        self._allowed = min([limit.concurrency for limit in limits if limit.concurrency] or [most_at_once])
        self._slots = asyncio.Semaphore(self._allowed)
        self._owed = 0
        """slots to be taken away, as soon as they are free"""
        self._in_line_for_slots = 0
        self._line = asyncio.Lock()
        self._news = asyncio.Event()
        """whoever waits looks again"""
        self._not_before = 0.0
        self._closed = False
        self.breaker = Breaker()
        self.why = ""
        """what the last trouble was"""

    async def enter(self, cost: Mapping[str, float]) -> None:
        """Waits for a slot and for every budget that the call draws on. Raises NotYet where that takes too long."""
        await self._take_slot()
        while self._owed:
            self._owed -= 1
            await self._take_slot()
        if not self._buckets and not self._not_before:
            return
        try:
            async with self._line:
                while (wait_s := self._wait_s(cost)) > 0:
                    self._bear(wait_s)
                    await self._look_again(wait_s)
                now = self._clock.now()
                for name, amount in self._draws(cost):
                    self._buckets[name] = self._buckets[name].draw(amount, now)
        except BaseException:
            self._slots.release()
            raise

    def leave(self) -> None:
        self._slots.release()

    def close(self) -> None:
        """Nobody waits here any more: who does is turned away at once. What need not wait still goes."""
        self._closed = True
        self._news.set()
        for _ in range(self._in_line_for_slots):
            self._slots.release()

    async def _take_slot(self) -> None:
        if not self._slots.locked():
            await self._slots.acquire()
            return
        self._bear(0.0)
        self._in_line_for_slots += 1
        try:
            await self._slots.acquire()
        finally:
            self._in_line_for_slots -= 1
        self._bear(0.0)

    def _bear(self, wait_s: float) -> None:
        if self._closed:
            raise NotYet("not sent yet: the hub stopped while it waited for its turn", 0.0)
        if wait_s > PATIENCE_S:
            held_off = self._not_before > self._clock.now()
            why = "the platform wants no calls for a while" if held_off else "the account's budget is used up"
            raise NotYet(f"not sent yet: {why}", wait_s)

    async def _look_again(self, within_s: float) -> None:
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._news.wait()

    def share(self, workers: int) -> None:
        """So many speak to the account: each has an equal part of its rates, and at least one call at a time."""
        if workers == self._workers:
            return
        before, self._workers = self._workers, workers
        ratio = before / workers
        for name, bucket in self._buckets.items():
            self._buckets[name] = replace(
                bucket, limit=_part(bucket.limit, ratio), level=bucket.level * min(ratio, 1.0)
            )
        fewer = max(self._allowed // before, 1) - max(self._allowed // workers, 1)
        self._owed += fewer
        while self._owed < 0:
            self._owed += 1
            self._slots.release()

    def learn(self, budget: Budget) -> None:
        """A platform may name a budget that its connector did not declare: it is then kept from here on."""
        now = self._clock.now()
        budget = _mine(budget, self._workers)
        bucket = self._buckets.get(budget.name)
        if bucket is None:
            capacity = budget.capacity if budget.capacity is not None else max(budget.remaining, 1.0)
            bucket = Bucket(Limit(budget.name, capacity, budget.per_s or capacity / 10.0), capacity, now)
        self._buckets[budget.name] = bucket.learn(budget, now)

    def hold_off(self, wait_s: float) -> None:
        """The platform said how long nobody should call."""
        self._not_before = max(self._not_before, self._clock.now() + wait_s)
        self._news.set()

    @property
    def held_off_until(self) -> float:
        """When calls may go again; 0 = nobody said."""
        return self._not_before

    @property
    def held_off_s(self) -> float:
        """For how much longer nobody should call."""
        return max(self._not_before - self._clock.now(), 0.0)

    def trouble(self, why: str) -> None:
        self.breaker = self.breaker.failed(self._clock.now())
        self.why = why

    def fine(self) -> None:
        if self.breaker.failures:
            self.breaker = self.breaker.succeeded()

    def probe_s(self) -> float:
        """Seconds until calls may go again; 0 = now."""
        return self.breaker.wait_s(self._clock.now())

    def _draws(self, cost: Mapping[str, float]) -> list[tuple[str, float]]:
        amounts = {REQUESTS: 1.0, **cost}
        return [(name, amount) for name, amount in amounts.items() if name in self._buckets]

    def _wait_s(self, cost: Mapping[str, float]) -> float:
        now = self._clock.now()
        waits = [self._buckets[name].wait_s(amount, now) for name, amount in self._draws(cost)]
        return max(self._not_before - now, *waits, 0.0)


def _part(limit: Limit, ratio: float) -> Limit:
    return replace(limit, capacity=limit.capacity * ratio, per_s=limit.per_s * ratio)


def _mine(budget: Budget, workers: int) -> Budget:
    return replace(
        budget,
        remaining=budget.remaining / workers,
        capacity=None if budget.capacity is None else budget.capacity / workers,
        per_s=None if budget.per_s is None else budget.per_s / workers,
    )
