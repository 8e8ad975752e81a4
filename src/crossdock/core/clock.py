"""Two kinds of time. Engine time decides; civil time signs and dates."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Engine time, seconds since the epoch. Never runs backwards: due times, leases, retention."""
        ...

    def civil(self) -> float:
        """Wall time, seconds since the epoch. May jump: signatures, cron, token expiry, documents."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns when engine time has advanced by `seconds`; a virtual clock jumps there when nothing else runs."""
        ...
