"""One life of a hub that may end at any moment, as a killed process does: nothing it had begun goes on."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from crossdock.core import crash
from crossdock.core.errors import StoreError

T = TypeVar("T")


class Killed(BaseException):
    """What passes a crash point of a hub that is to die there."""


class Life:
    """Runs everything of a hub in tasks of its own. `ends_at`: (point, which passage) or None."""

    def __init__(self, ends_at: tuple[str, int] | None = None, passed: Callable[[str], None] | None = None) -> None:
        self._ends_at = ends_at
        self._passed = passed
        self._left = ends_at[1] if ends_at else 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._before = asyncio.all_tasks()
        self.dead = asyncio.Event()
        self.died_at = ""
        """the crash point; "" = it was killed at a moment, or is alive"""
        crash.watch(self._pass)

    def _pass(self, point: str) -> None:
        if self.dead.is_set():
            return
        if self._passed is not None:
            self._passed(point)
        if self._ends_at is None or point != self._ends_at[0]:
            return
        self._left -= 1
        if self._left == 0:
            self.died_at = point
            self.dead.set()
            raise Killed(point)

    async def run(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Within this life; None when it ended before the work did."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        dying = asyncio.create_task(self.dead.wait())
        try:
            await asyncio.wait({task, dying}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            dying.cancel()
            self._tasks.discard(task)
        if self.dead.is_set():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return None
        return task.result()

    async def end(self, spared: set[asyncio.Task[Any]]) -> None:
        """Kills it: every task that is not among the spared stops where it is."""
        self.dead.set()
        crash.watch(None)
        doomed = asyncio.all_tasks() - spared - self._before - {asyncio.current_task()}
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)


class Mortal:
    """A store, vault or transport as one life sees it: each call takes a moment, and none gets through once the hub is
    dead. `busy`: how often, just now, a store says that it cannot commit."""

    def __init__(self, inner: Any, life: Life, chance: random.Random, busy: Callable[[], float] = lambda: 0.0) -> None:
        self._inner = inner
        self._life = life
        self._chance = chance
        self._busy = busy

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def through(*arguments: Any, **named: Any) -> Any:
            await self._moment(name)
            answer = await found(*arguments, **named)
            await self._moment("")
            return answer

        setattr(self, name, through)
        return through

    async def _moment(self, name: str) -> None:
        await self._dead_end()
        if self._chance.random() < 0.5:
            await asyncio.sleep(self._chance.random() * 0.004)
            await self._dead_end()
        if name == "apply" and self._chance.random() < self._busy():
            raise StoreError("the store is busy")

    async def _dead_end(self) -> None:
        if self._life.dead.is_set():
            await _for_ever()


def _for_ever() -> Awaitable[None]:
    return asyncio.get_running_loop().create_future()
