"""Who is told that something new can be read. A signal may come too often, never too seldom within one process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

LEASES = "leases"
"""who holds what may have changed"""
SHARED = ("inbox/", "events/", LEASES)
"""Signals that concern the other workers too."""


class Signals:
    """Named events with a memory of one: a `ring` before the `wait` is not lost."""

    def __init__(self) -> None:
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.abroad: Callable[[str], None] = _nobody
        """is told of every shared signal that is rung here"""

    def ring(self, name: str) -> None:
        self.heard(name)
        if name.startswith(SHARED):
            self.abroad(name)

    def heard(self, name: str) -> None:
        """Rung elsewhere, or only for here."""
        self._events[name].set()

    def heard_anything(self) -> None:
        for event in self._events.values():
            event.set()

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


def _nobody(_: str) -> None:
    """There is no other worker."""
