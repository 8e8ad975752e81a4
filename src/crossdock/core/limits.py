"""What an account allows (budgets), and what a connection in trouble gets (a breaker). Pure; the engine keeps them."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace


class Limit(Struct, frozen=True, gc=False):
    """A budget as the platform documents it: `capacity` units, refilled at `per_s`; at most `concurrency` at once
    (0 = no limit). An infinite `per_s` bounds nothing but concurrency. Name `requests` is drawn by every call; others
    by the call's cost."""

    name: str
    capacity: float
    per_s: float
    concurrency: int = 0


class Budget(Struct, frozen=True, gc=False):
    """What an answer taught about a budget: what is left of it now, and its size where the platform says so."""

    name: str
    remaining: float
    capacity: float | None = None
    per_s: float | None = None


class AuthExpired(Struct, frozen=True, gc=False):
    """The access token is no longer good: refresh once, then try again."""

    why: str


class Bucket(Struct, frozen=True, gc=False):
    """A budget's state: `level` units at instant `at`."""

    limit: Limit
    level: float
    at: float

    def settled(self, now: float) -> Bucket:
        gained = max(now - self.at, 0.0) * self.limit.per_s
        return replace(self, level=min(self.level + gained, self.limit.capacity), at=max(now, self.at))

    def wait_s(self, cost: float, now: float) -> float:
        """How long until `cost` fits; a cost above the capacity waits for a full bucket."""
        level = self.settled(now).level
        missing = min(cost, self.limit.capacity) - level
        if missing <= 0:
            return 0.0
        return missing / self.limit.per_s if self.limit.per_s > 0 else 60.0

    def draw(self, cost: float, now: float) -> Bucket:
        bucket = self.settled(now)
        return replace(bucket, level=bucket.level - cost)

    def learn(self, budget: Budget, now: float) -> Bucket:
        """Trust the platform's own figure when it is lower than ours, and its size always."""
        limit = replace(
            self.limit,
            capacity=self.limit.capacity if budget.capacity is None else budget.capacity,
            per_s=self.limit.per_s if budget.per_s is None else budget.per_s,
        )
        level = min(self.settled(now).level, budget.remaining)
        return Bucket(limit, min(level, limit.capacity), now)


class Breaker(Struct, frozen=True, gc=False):
    """Opens after `threshold` troubles in a row; then one probe each `pause_s`, doubled up to `max_pause_s`, until one
    succeeds. Trouble is: no answer, a 5xx, a page that is not the platform's. A refusal or a rate limit is not."""

    threshold: int = 5
    first_pause_s: float = 1.0
    max_pause_s: float = 60.0
    failures: int = 0
    open_until: float = 0.0
    pause_s: float = 0.0

    def succeeded(self) -> Breaker:
        return self if not self.failures else replace(self, failures=0, open_until=0.0, pause_s=0.0)

    def failed(self, now: float) -> Breaker:
        failures = self.failures + 1
        if failures < self.threshold:
            return replace(self, failures=failures)
        pause_s = min(self.pause_s * 2 or self.first_pause_s, self.max_pause_s)
        return replace(self, failures=failures, pause_s=pause_s, open_until=now + pause_s)

    @property
    def is_open(self) -> bool:
        return self.open_until > 0.0

    def wait_s(self, now: float) -> float:
        """0 = calls may go (while open: one probe)."""
        return max(self.open_until - now, 0.0)
