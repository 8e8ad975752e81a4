"""Who waits for an entity to be linked at a destination."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

MOST = 50_000
"""Entities that are waited for. Who is forgotten looks by itself, a little later; many wait for what never comes."""

Entity = tuple[str, str, str]
"""(account, model, key)"""


class LinkBoard:
    """A waiter is told once; it looks for itself, and comes back if it was told too early."""

    def __init__(self) -> None:
        self.abroad: Callable[[Entity], None] = _nobody
        """is told of what was linked here"""
        self._waiters: defaultdict[Entity, dict[Callable[[], None], None]] = defaultdict(dict)

    def wait(self, entity: Entity, tell: Callable[[], None]) -> None:
        """Waiters that are equal are one: who looks again and again is told once."""
        self._waiters[entity][tell] = None
        if len(self._waiters) > MOST:
            del self._waiters[next(iter(self._waiters))]

    def linked(self, entity: Entity) -> None:
        self.heard(entity)
        self.abroad(entity)

    def heard(self, entity: Entity) -> None:
        """Another worker has linked it."""
        for tell in self._waiters.pop(entity, ()):
            tell()


def _nobody(_: Entity) -> None:
    """There is no other worker."""
