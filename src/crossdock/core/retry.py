"""When to try again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits of first_delay_s, doubled each time, up to max_delay_s: 2, 4, 8 … 300 s; twelve take about 25 min."""

    attempts: int = 12
    first_delay_s: float = 2.0
    max_delay_s: float = 300.0


def next_attempt_at(
    policy: RetryPolicy, attempt: int, now: float, *, wait_s: float | None = None, jitter: float = 0.5
) -> float | None:
    """When to try again after failed attempt number `attempt` (1 for the first); None when none is left.

    `jitter`, drawn by the caller from [0, 1), spreads the wait over 75–125 %. `wait_s`, the platform's own wish, is a
    lower bound. Raises ValueError if `attempt` < 1.
    """
    if attempt < 1:
        raise ValueError("attempt numbers start at 1")
    if attempt >= policy.attempts:
        return None
    delay_s = min(policy.first_delay_s * 2.0 ** min(attempt - 1, 40), policy.max_delay_s)
    return now + max(delay_s * (0.75 + 0.5 * jitter), wait_s or 0.0)


def wait_for_platform_at(
    policy: RetryPolicy, waits: int, now: float, *, wait_s: float | None, jitter: float = 0.5
) -> float:
    """When to go on after a wait that uses up no attempt (rate limit, fresh token); `waits` counts them from 1.
    Where the platform names no time the wait grows as a retry's does."""
    if wait_s is not None:
        return now + wait_s * (1.0 + 0.1 * jitter)
    delay_s = min(policy.first_delay_s * 2.0 ** min(max(waits, 1) - 1, 40), policy.max_delay_s)
    return now + delay_s * (0.75 + 0.5 * jitter)
