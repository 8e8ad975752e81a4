"""One life of a hub, which may end at any moment as a killed process does, or stand still for a while as a stopped one
does: nothing that it had begun goes on."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

from crossdock.core import crash
from crossdock.core.errors import StoreError

T = TypeVar("T")

_LIFE: ContextVar[Life | None] = ContextVar("life", default=None)


class Killed(BaseException):
    """What passes a crash point of a hub that is to die there."""


def know_lives() -> None:
    """From now on this loop's tasks belong to the life in which they were begun."""

    def factory(loop: asyncio.AbstractEventLoop, work: Any, *, context: Context | None = None) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=loop, context=context)
        life = _LIFE.get() if context is None else context.get(_LIFE)
        if life is not None:
            life.tasks[task] = None
            task.add_done_callback(lambda done: life.tasks.pop(done, None))
        return task

    asyncio.get_running_loop().set_task_factory(factory)


class Life:
    """Runs everything of a hub in tasks of its own. `ends_at`: (point, which passage) or None; `passed` is told of
    every point."""

    def __init__(self, ends_at: tuple[str, int] | None = None, passed: Callable[[str], None] | None = None) -> None:
        self._ends_at = ends_at
        self._passed = passed
        self._left = ends_at[1] if ends_at else 0
        self._going = asyncio.Event()
        self._going.set()
        self.tasks: dict[asyncio.Task[Any], None] = {}
        """in the order in which they were begun, so that a run can be repeated"""
        self.dead = asyncio.Event()
        self.died_at = ""
        """the crash point; "" = it was killed at a moment, or is alive"""
        crash.watch(self._pass)

    def doom(self, point: str, passage: int = 1) -> None:
        """From now on, to die at that passage of the point."""
        self._ends_at, self._left = (point, passage), passage

    def _pass(self, point: str) -> None:
        if self.dead.is_set() or _LIFE.get() is not self:
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
        context = copy_context()
        context.run(_LIFE.set, self)
        task = asyncio.create_task(work, context=context)
        dying = asyncio.create_task(self.dead.wait())
        await asyncio.wait({task, dying}, return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if self.dead.is_set():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return None
        done: T = task.result()
        return done

    def stand_still(self) -> None:
        self._going.clear()

    def go_on(self) -> None:
        self._going.set()

    async def end(self) -> None:
        """Kills it."""
        self.dead.set()
        while tasks := list(self.tasks):  # again, for what would tidy up first: a killed process does not
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=0.001)

    async def moment(self) -> None:
        """What every call of a hub to the outside takes: for ever, once it is dead."""
        await self._going.wait()
        if self.dead.is_set():
            await asyncio.get_running_loop().create_future()


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
            if self._chance.random() < 0.5:
                await asyncio.sleep(self._chance.random() * 0.004)
            await self._life.moment()
            if name == "apply" and self._chance.random() < self._busy():
                raise StoreError("the store is busy")
            answer = await found(*arguments, **named)
            await self._life.moment()
            return answer

        setattr(self, name, through)
        return through
