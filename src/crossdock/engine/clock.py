"""The clock of a running hub."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Engine time starts at the wall's, or at a stored high-water mark if later, and then runs monotonically."""

    def __init__(self, not_before: float = 0.0) -> None:
        self._offset = max(time.time(), not_before) - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self._offset

    def civil(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
