"""Who is told that something new can be read. Within one process; a signal may come too often, never too seldom."""

from __future__ import annotations

import asyncio
from collections import defaultdict


class Signals:
    """Named events with a memory of one: a `ring` before the `wait` is not lost."""

    def __init__(self) -> None:
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def ring(self, name: str) -> None:
        self._events[name].set()

    async def wait(self, name: str, timeout_s: float) -> None:
        """Returns when `name` rings, or after `timeout_s` of real time."""
        event = self._events[name]
        if not event.is_set():
            try:
                async with asyncio.timeout(timeout_s):
                    await event.wait()
            except TimeoutError:
                return
        event.clear()
