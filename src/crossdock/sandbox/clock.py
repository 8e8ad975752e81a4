"""Time in the sandbox: waits shrink by the time scale, dates do not."""

import time


class SandboxClock:
    """Engine-like time for waits, and wall time for documents.

    Calling the clock gives simulated seconds since the epoch: after one real second it has moved by
    `time_scale` seconds, so a rate window of a minute passes in a second at scale 60. What a document or a
    signature carries is `civil()`, real wall time, because the other side compares it with its own clock.
    """

    def __init__(self, time_scale: float = 1.0) -> None:
        if not time_scale > 0:
            raise ValueError(f"the time scale must be above 0, not {time_scale}")
        self.time_scale = time_scale
        self._origin_at = time.time()
        self._origin_monotonic = time.monotonic()

    def __call__(self) -> float:
        return self._origin_at + (time.monotonic() - self._origin_monotonic) * self.time_scale

    def civil(self) -> float:
        return time.time()

    def real_s(self, simulated_s: float) -> float:
        """How long a simulated wait lasts for whoever lives in real time (a client, a sleep)."""
        return simulated_s / self.time_scale


class StillClock(SandboxClock):
    """A clock that a test moves by hand: `clock.advance(60)`. Waits take no real time."""

    def __init__(self, at: float = 1_767_225_600.0) -> None:
        super().__init__(1.0)
        self.at = at

    def __call__(self) -> float:
        return self.at

    def civil(self) -> float:
        return self.at

    def real_s(self, simulated_s: float) -> float:
        return 0.0

    def advance(self, seconds: float) -> None:
        self.at += seconds
