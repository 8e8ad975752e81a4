"""When to try again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.core.retry import RetryPolicy, next_attempt_at, wait_for_platform_at

NOW = 1_790_000_000.0


def test_waits_double_up_to_the_bound() -> None:
    policy = RetryPolicy(attempts=12)
    waits = [(next_attempt_at(policy, attempt, NOW) or 0) - NOW for attempt in range(1, 12)]
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert next_attempt_at(policy, 12, NOW) is None


@given(st.integers(1, 11), st.floats(0, 1, exclude_max=True))
def test_jitter_spreads_a_wait_over_a_quarter_either_way(attempt: int, jitter: float) -> None:
    policy = RetryPolicy(attempts=12)
    plain = (next_attempt_at(policy, attempt, NOW) or 0) - NOW
    spread = (next_attempt_at(policy, attempt, NOW, jitter=jitter) or 0) - NOW
    assert 0.75 * plain - 1e-6 <= spread <= 1.25 * plain + 1e-6


@given(st.integers(1, 11), st.floats(0, 3600))
def test_the_platforms_own_wish_is_a_lower_bound(attempt: int, wait_s: float) -> None:
    at = next_attempt_at(RetryPolicy(attempts=12), attempt, NOW, wait_s=wait_s)
    assert at is not None
    assert at >= NOW + wait_s


def test_attempt_zero_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="start at 1"):
        next_attempt_at(RetryPolicy(), 0, NOW)


def test_a_wait_without_a_named_time_grows() -> None:
    policy = RetryPolicy()
    waits = [wait_for_platform_at(policy, tries, NOW, wait_s=None) - NOW for tries in (1, 2, 3, 50)]
    assert waits == [2, 4, 8, 300]


def test_a_named_time_is_never_undercut() -> None:
    assert wait_for_platform_at(RetryPolicy(), 1, NOW, wait_s=7, jitter=0) == NOW + 7
