"""Virtual time: an event loop whose clock jumps to the next timer when nothing else can run.

A simulated day costs what its events cost, and the same seed gives the same run.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

START_AT = 1_790_000_000.0
"""Where virtual time begins: an instant in September 2026."""


class _Jumping(selectors.DefaultSelector):
    """Where a loop would wait for its next timer, the time is said to have passed."""

    passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits for something that will never happen")
        self.passed_s += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Timers fire in order without waiting. Only for work without threads and sockets."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.passed_s


class VirtualClock:
    """Engine and civil time of a `VirtualLoop`. `civil_offset_s` makes the wall clock jump."""

    def __init__(self, start_at: float = START_AT) -> None:
        self._start_at = start_at
        self.civil_offset_s = 0.0

    def now(self) -> float:
        return self._start_at + asyncio.get_running_loop().time()

    def civil(self) -> float:
        return self.now() + self.civil_offset_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Runs it to its end in virtual time. Tasks it left behind are cancelled."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()
