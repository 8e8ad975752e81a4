"""What may go wrong with a request, drawn from a seed. A seed has some of the kinds; others have others."""

from __future__ import annotations

import random
from enum import StrEnum

Chance = random.Random


class Fault(StrEnum):
    REFUSED = "refused"
    """no connection: not a byte left"""
    RESET_BEFORE = "reset_before"
    """cut off, and nothing happened"""
    RESET_AFTER = "reset_after"
    """it happened, and the connection ended without an answer"""
    SILENT_BEFORE = "silent_before"
    """no answer within the deadline, and nothing happened"""
    SILENT_AFTER = "silent_after"
    """it happened, and no answer came within the deadline"""
    LATE = "late"
    """no answer within the deadline, and it happens after that"""
    ERROR_BEFORE = "error_before"
    """500, and nothing happened"""
    ERROR_AFTER = "error_after"
    """500 although it happened"""
    SAVED_ERROR = "saved_error"
    """500 although it happened, and the same 500 for this key ever after"""
    BUSY = "busy"
    """503, and nothing happened"""
    RATE = "rate"
    """429 with a Retry-After that may be absurd"""
    PAGE = "page"
    """200 with an HTML page although it happened"""
    TORN = "torn"
    """200 with JSON that ends in the middle although it happened"""


WAITS = ("1", "3", "-1", "soon", "", "Wed, 21 Oct 2015 07:28:00 GMT")
"""What a Retry-After may say. The first two are not absurd."""


class Weather:
    """Draws a fault, or none, for each request until it `clears`."""

    def __init__(self, chance: Chance, kinds: tuple[Fault, ...], rate: float) -> None:
        self._chance = chance
        self.kinds = kinds
        self.rate = rate
        self.clear = False

    @classmethod
    def of(cls, chance: Chance) -> Weather:
        kinds = tuple(kind for kind in Fault if chance.random() < 0.4)
        return cls(chance, kinds, chance.choice((0.0, 0.1, 0.3, 0.5)))

    def draw(self) -> Fault | None:
        if self.clear or not self.kinds or self._chance.random() >= self.rate:
            return None
        return self._chance.choice(self.kinds)

    def latency_s(self) -> float:
        """For one way. Shorter than any restart takes: what left a hub that was killed has landed by then."""
        return self._chance.choice((0.001, 0.02, 0.3)) * self._chance.random()

    def retry_after(self) -> str:
        return "1000000000" if self._chance.random() < 0.01 else self._chance.choice(WAITS)
