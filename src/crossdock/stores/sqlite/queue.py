"""How Works come to the writer: on a thread of its own that commits them in groups, or at once in the caller."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import apsw

from crossdock.core.errors import NotNow, StoreError, StoreLost
from crossdock.core.work import Committed, NotCommitted, Work
from crossdock.stores.sqlite.disk import Room
from crossdock.stores.sqlite.writer import Answer, Writer

T = TypeVar("T")
Job = Callable[[apsw.Cursor, Writer], T]

GROUP = 256
"""Works in one commit at most"""
PUT_OFF_S = 0.25
"""Before what could not be written is tried again."""
OTHERS = 64
"""of which at least these are for the lanes' Works, while arrivals never end"""


class Executor(Protocol):
    async def apply(self, work: Work) -> Committed | NotCommitted: ...

    async def run(self, job: Job[T]) -> T: ...

    async def refusal(self) -> str:
        """Why what comes in is refused at this moment; "" = it is not."""
        ...

    def close(self) -> None:
        """After everything queued is durable."""
        ...


class Inline:
    """Everything at once, in the caller: no thread, no waiting, the same order on every run."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def apply(self, work: Work) -> Committed | NotCommitted:
        (answer,) = self._writer.apply([work])
        if isinstance(answer, StoreError):
            raise answer
        return answer

    async def run(self, job: Job[T]) -> T:
        return self._writer.run(job)

    async def refusal(self) -> str:
        return self._writer.lost.what if self._writer.lost is not None else ""

    def close(self) -> None:
        self._writer.close()


class _Waiting:
    """One caller's future, settled from the writer's thread."""

    __slots__ = ("future", "task")

    def __init__(self, task: Any) -> None:
        self.task = task
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()


class Threaded:
    """One thread takes what has gathered while it wrote the last group: no timer, so an idle hub answers at once.

    While the disk has no room, what comes in is refused with NotNow, and all else waits until it can be written. Should
    the thread itself come to an end, for want of memory, nobody waits for it: StoreLost."""

    def __init__(self, writer: Writer, name: str, room: Room | None = None) -> None:
        self._writer = writer
        self._room = room
        self._arrivals: deque[_Waiting] = deque()
        self._others: deque[_Waiting] = deque()
        self._jobs: deque[_Waiting] = deque()
        self._taken: list[_Waiting] = []
        """what is being written"""
        self._lost: StoreLost | None = None
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write, name=f"store {name}", daemon=True)
        self._thread.start()

    async def apply(self, work: Work) -> Committed | NotCommitted:
        waiting = _Waiting(work)
        answer: Committed | NotCommitted = await self._put(self._arrivals if work.arrivals else self._others, waiting)
        return answer

    async def run(self, job: Job[T]) -> T:
        result: T = await self._put(self._jobs, _Waiting(job))
        return result

    def _put(self, queue: deque[_Waiting], waiting: _Waiting) -> asyncio.Future[Any]:
        if self._closing.is_set():
            raise StoreError("the store is closed")
        if self._lost is not None:
            raise self._lost
        queue.append(waiting)
        self._wake.set()
        return waiting.future

    def close(self) -> None:
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _write(self) -> None:
        try:
            self._serve()
        except BaseException as error:
            self._lost = StoreLost(
                f"the store's writer ended: {type(error).__name__}",
                hint="Start the hub again, with more memory: what was acknowledged is there.",
            )
            self._lost.__cause__ = error
            waiting = [*self._taken, *self._jobs, *self._arrivals, *self._others]
            _settle([(one, self._lost) for one in waiting])

    def _serve(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._jobs or self._arrivals or self._others:
                if self._jobs:
                    self._run(self._jobs.popleft())
                if self._arrivals and (refusal := self._look()):
                    _settle([(self._arrivals.popleft(), NotNow(refusal)) for _ in range(len(self._arrivals))])
                group = self._gather()
                if group:
                    self._apply(group)
            if self._closing.is_set():
                self._writer.close()
                if self._room is not None:
                    self._room.close()
                return

    async def refusal(self) -> str:
        return await self.run(lambda *_: self._look())

    def _look(self) -> str:
        return self._room.look(self._writer.reusable_bytes) if self._room is not None else ""

    def _apply(self, group: list[_Waiting]) -> None:
        self._taken = group
        answers: list[Answer | NotNow] = list(self._writer.apply([waiting.task for waiting in group]))
        if isinstance(answers[0], NotNow) and not self._closing.is_set():
            late = [waiting for waiting in group if not waiting.task.arrivals]
            _settle([(waiting, answers[0]) for waiting in group if waiting.task.arrivals])
            self._others.extendleft(reversed(late))
            self._put_off()
        else:
            _settle(list(zip(group, answers, strict=True)))

    def _put_off(self) -> None:
        """Until there may be room: at once where ballast could be thrown off."""
        thrown = self._writer.was_full and self._room is not None and self._room.full()
        if not thrown:
            self._closing.wait(PUT_OFF_S)

    def _gather(self) -> list[_Waiting]:
        reserved = min(len(self._others), OTHERS)
        group = [self._arrivals.popleft() for _ in range(min(len(self._arrivals), GROUP - reserved))]
        group += [self._others.popleft() for _ in range(min(len(self._others), GROUP - len(group)))]
        return group

    def _run(self, waiting: _Waiting) -> None:
        self._taken = [waiting]
        try:
            result: object = self._writer.run(waiting.task)
        except NotNow as error:
            if not self._closing.is_set():
                self._jobs.appendleft(waiting)
                self._put_off()
                return
            result = error
        except BaseException as error:
            result = error
        _settle([(waiting, result)])


def _settle(settled: list[tuple[_Waiting, object]]) -> None:
    """One hop to the event loop for a whole group."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, object]]] = {}
    for pair in settled:
        by_loop.setdefault(pair[0].future.get_loop(), []).append(pair)
    for loop, pairs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, pairs)


def _resolve(pairs: list[tuple[_Waiting, object]]) -> None:
    for waiting, result in pairs:
        if waiting.future.done():
            continue  # the caller gave up; the Work stands all the same
        if isinstance(result, BaseException):
            waiting.future.set_exception(result)
        else:
            waiting.future.set_result(result)
