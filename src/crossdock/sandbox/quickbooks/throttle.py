"""The limits of one realm and app: so many requests in a window, so many at once.

Source: Intuit docs, "Limits and throttles": 500 requests a minute, 10 at once; 120 batch calls a minute since
2025-10-31.
"""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class Throttle:
    """A sliding window; a refused request does not count."""

    limit: int
    window_s: float = 60.0
    _started_at: deque[float] = field(default_factory=deque)

    def lets_in(self, now: float) -> bool:
        while self._started_at and self._started_at[0] <= now - self.window_s:
            self._started_at.popleft()
        if len(self._started_at) >= self.limit:
            return False
        self._started_at.append(now)
        return True
