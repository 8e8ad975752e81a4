"""The clock of a running hub."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Engine time starts at the wall's (`starts_at`: at that of a store that several machines share), or at a stored
    high-water mark if later, and then runs monotonically."""

    def __init__(self, not_before: float = 0.0, starts_at: float | None = None) -> None:
        self._offset = max(time.time() if starts_at is None else starts_at, not_before) - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self._offset

    def civil(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
