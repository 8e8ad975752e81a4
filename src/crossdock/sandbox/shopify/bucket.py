"""The leaky bucket of GraphQL points, one per app and shop.

Sources: shopify.dev, "Rate limits"; recorded answers (2,000 points, 100 a second). What a request costs less than it
asked for is given back.
"""

from dataclasses import dataclass
from typing import Any


@dataclass
class Bucket:
    """A standard shop holds 2000 points and restores 100 a second; the bucket is 20 times its rate on every plan."""

    maximum: int = 2000
    restore_per_s: int = 100
    available: float = 2000.0
    filled_at: float = 0.0

    def take(self, points: int, now: float) -> bool:
        """Whether the requested cost fitted; only then is it taken."""
        self._fill(now)
        if points > self.available:
            return False
        self.available -= points
        return True

    def give_back(self, points: int) -> None:
        """What the answer cost less than was asked for."""
        self.available = min(float(self.maximum), self.available + points)

    def status(self, time_scale: float) -> dict[str, Any]:
        """`restoreRate` is points a second of the reader's time, who lives `time_scale` times slower."""
        return {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": int(self.available),
            "restoreRate": int(self.restore_per_s * time_scale) or 1,
        }

    def _fill(self, now: float) -> None:
        gained = max(0.0, now - self.filled_at) * self.restore_per_s
        self.available = min(float(self.maximum), self.available + gained)
        self.filled_at = now
