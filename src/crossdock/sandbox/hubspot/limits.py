"""Rate limits: a rolling burst per app, a day's total, and a bucket of its own for search.

Sources: HubSpot docs, "Usage guidelines" (burst and day of each kind of account, headers) and "Search" (five a second,
without headers).
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

Policy = Literal["TEN_SECONDLY_ROLLING", "DAILY", "SECONDLY"]

BURST: Final = 100
BURST_S: Final = 10.0
DAILY: Final = 250_000
SEARCHES_PER_S: Final = 5


@dataclass
class Limits:
    """Of a free account. `now` is simulated time; a day ends at midnight UTC, as if the account lived there."""

    calls: deque[float] = field(default_factory=deque)
    searches: deque[float] = field(default_factory=deque)
    today: int = 0
    day: int = -1

    def admit(self, now: float, *, search: bool) -> Policy | None:
        """Counts the call, or names the limit that it breaks; refused calls count for nothing."""
        day = int(now // 86_400)
        if day != self.day:
            self.day, self.today = day, 0
        if self.today >= DAILY:
            return "DAILY"
        window, most, over_s = (self.searches, SEARCHES_PER_S, 1.0) if search else (self.calls, BURST, BURST_S)
        while window and window[0] <= now - over_s:
            window.popleft()
        if len(window) >= most:
            return "SECONDLY" if search else "TEN_SECONDLY_ROLLING"
        window.append(now)
        self.today += 1
        return None

    def headers(self, time_scale: float, *, daily: bool) -> dict[str, str]:
        """The interval is told in the reader's time, which is `time_scale` times shorter. OAuth apps have no day."""
        found = {
            "x-hubspot-ratelimit-max": str(BURST),
            "x-hubspot-ratelimit-remaining": str(max(0, BURST - len(self.calls))),
            "x-hubspot-ratelimit-interval-milliseconds": str(max(1, int(BURST_S * 1000 / time_scale))),
        }
        if daily:
            found["x-hubspot-ratelimit-daily"] = str(DAILY)
            found["x-hubspot-ratelimit-daily-remaining"] = str(DAILY - self.today)
        return found
