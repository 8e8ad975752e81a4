"""Removes what is settled and older than the project keeps it. Counts stay, so the sums still agree."""

from __future__ import annotations

from crossdock.core import crash
from crossdock.core.flow import Landscape
from crossdock.core.lanes import Lane
from crossdock.engine.context import Context
from crossdock.engine.leases import Leases

EVERY_S = 3600.0
AT_ONCE = 1000
DAY_S = 86_400.0
DEFAULT_S = 90 * DAY_S
KINDS = ("payloads", "messages", "events", "effects")


def horizons(landscape: Landscape, now: float) -> dict[str, float]:
    """Kind → the instant before which settled rows go."""
    return {kind: now - landscape.retention_s.get(kind, DEFAULT_S) for kind in KINDS}


class Retention:
    lane = Lane("retention", "retention", 0)
    """who holds it removes: one worker is enough"""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self, leases: Leases) -> None:
        while True:
            if leases.holds(self.lane):
                await self.once()
            await self._context.clock.sleep(EVERY_S)

    async def once(self) -> None:
        """In small commits, so that nobody waits behind a long one."""
        before = horizons(self._context.landscape, self._context.clock.now())
        while any((await self._context.store.prune(before, AT_ONCE)).values()):
            crash.at("retention.deleted")
            await self._context.clock.sleep(0.0)
