"""The lanes this process holds: where each reader stands, and the fence under which it may write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from crossdock.core import crash
from crossdock.core.lanes import Lane
from crossdock.core.store import Leased
from crossdock.engine.context import Context

LEASE_S = 30.0
RENEW_S = 10.0


class Leases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._wanted: set[Lane] = set()
        self._held: dict[Lane, Leased] = {}
        self._planned: dict[Lane, int] = {}

    async def want(self, lanes: Iterable[Lane]) -> None:
        """Takes these lanes, now if nobody else holds them, else as soon as they are free."""
        self._wanted.update(lanes)
        await self.renew()

    async def renew(self) -> None:
        now = self._context.clock.now()
        leased = await self._context.store.lease(
            sorted(self._wanted, key=lambda lane: (lane.reader, lane.stream, lane.partition)),
            self._context.worker,
            now + LEASE_S,
            now,
        )
        crash.at("claim.leased")
        for lane in list(self._held):
            if lane not in leased:
                del self._held[lane]
        for lane, lease in leased.items():
            held = self._held.get(lane)
            if held is None or held.fence != lease.fence:
                self._held[lane] = lease
            self._planned.setdefault(lane, lease.position)

    async def run(self) -> None:
        while True:
            await self._context.clock.sleep(RENEW_S)
            await self.renew()

    def positions(self, lanes: Iterable[Lane]) -> Mapping[Lane, int]:
        """Of those that are held."""
        return {lane: self._held[lane].position for lane in lanes if lane in self._held}

    def fence(self, lane: Lane) -> int:
        lease = self._held.get(lane)
        return lease.fence if lease is not None else -1

    def planned(self, lane: Lane) -> int:
        """The highest position known of this lane: below it, a reader that was set back reads again."""
        return self._planned.get(lane, 0)

    def planned_before(self, positions: Mapping[Lane, int]) -> None:
        """How far lanes had come before they were set back, in an earlier life perhaps."""
        for lane, number in positions.items():
            self._planned[lane] = max(self._planned.get(lane, 0), number)

    def moved(self, ends: Mapping[Lane, int]) -> None:
        """Positions that were committed."""
        for lane, number in ends.items():
            lease = self._held.get(lane)
            if lease is not None:
                self._held[lane] = replace(lease, position=number)
            self._planned[lane] = max(self._planned.get(lane, 0), number)

    def lost(self, lane: Lane) -> None:
        """Another worker holds it: nothing more is read or written here until it is leased again."""
        self._held.pop(lane, None)

    def set_back(self, positions: Mapping[Lane, int]) -> None:
        """A rewind, after its commit."""
        for lane, number in positions.items():
            lease = self._held.get(lane)
            if lease is not None:
                self._held[lane] = replace(lease, position=number)
