"""Budgets and breakers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crossdock.core.limits import Breaker, Bucket, Budget, Limit

NOW = 1_790_000_000.0
amounts = st.floats(0.1, 50)


@given(st.lists(st.tuples(amounts, st.floats(0, 30)), max_size=40))
def test_over_any_span_no_more_is_drawn_than_the_bucket_and_its_refill(calls: list[tuple[float, float]]) -> None:
    limit = Limit("points", 100, 10)
    bucket, now, drawn = Bucket(limit, 100, NOW), NOW, 0.0
    blur = 1e-4  # instants of today are exact to a quarter of a microsecond: ten units a second, forty calls
    for cost, pause_s in calls:
        now += pause_s
        now += bucket.wait_s(cost, now)
        bucket = bucket.draw(cost, now)
        drawn += cost
        assert drawn <= 100 + (now - NOW) * 10 + blur


def test_a_wait_is_as_long_as_the_refill_takes() -> None:
    bucket = Bucket(Limit("points", 1000, 100), 200, NOW)
    assert bucket.wait_s(752, NOW) == 5.52
    assert bucket.wait_s(200, NOW) == 0.0


def test_a_cost_above_the_capacity_waits_for_a_full_bucket_and_not_for_ever() -> None:
    assert Bucket(Limit("points", 100, 10), 0, NOW).wait_s(5000, NOW) == 10.0


def test_the_platforms_lower_figure_is_believed_and_its_higher_one_is_not() -> None:
    bucket = Bucket(Limit("points", 1000, 100), 500, NOW)
    assert bucket.learn(Budget("points", 20), NOW).level == 20
    assert bucket.learn(Budget("points", 900), NOW).level == 500


def test_a_size_that_the_platform_names_is_taken_over() -> None:
    learned = Bucket(Limit("points", 1000, 50), 1000, NOW).learn(Budget("points", 1990, 2000, 100), NOW)
    assert (learned.limit.capacity, learned.limit.per_s) == (2000, 100)


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    bucket = Bucket(Limit("points", 100, 10), 0, NOW)
    assert bucket.settled(NOW - 3600).level == 0


def test_a_breaker_opens_after_some_failures_in_a_row_and_closes_with_one_success() -> None:
    breaker = Breaker(threshold=3)
    for _ in range(2):
        breaker = breaker.failed(NOW)
        assert not breaker.is_open
    breaker = breaker.failed(NOW)
    assert breaker.is_open
    assert breaker.wait_s(NOW) == 1.0
    assert not breaker.succeeded().is_open


def test_a_failure_now_and_then_opens_nothing() -> None:
    breaker = Breaker(threshold=3)
    for _ in range(50):
        breaker = breaker.failed(NOW).failed(NOW).succeeded()
    assert not breaker.is_open


def test_probes_come_ever_more_seldom_up_to_a_bound() -> None:
    breaker, waits = Breaker(threshold=1), []
    for _ in range(10):
        breaker = breaker.failed(NOW)
        waits.append(breaker.wait_s(NOW))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
