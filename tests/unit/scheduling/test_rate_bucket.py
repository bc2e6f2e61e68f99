"""What passes a bucket, on a clock of the test."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesegd.scheduling.rate_bucket import MAX_SECONDS, RateBucket

AMOUNTS = st.one_of(st.just(1.0), st.floats(0, 1e9))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def passed(bucket: RateBucket, clock: Clock, amount: float, every: float, seconds: float) -> float:
    """How much passes if `amount` comes again and again."""
    total, end = 0.0, clock.now + seconds
    while clock.now < end:
        if not bucket.seconds_until(amount):
            bucket.take(amount)
            total += amount
        clock.now += every
    return total


def test_a_burst_passes_at_once_and_then_the_rate() -> None:
    clock = Clock()
    bucket = RateBucket(10, burst=10, clock=clock)
    assert passed(bucket, clock, 1, every=0.01, seconds=20) == pytest.approx(10 + 200, abs=1)


def test_what_comes_at_the_rate_always_passes() -> None:
    clock = Clock()
    bucket = RateBucket(10, burst=10, clock=clock)
    assert passed(bucket, clock, 1, every=0.1, seconds=100) == pytest.approx(1000, abs=1)


def test_a_pause_saves_no_more_than_a_burst() -> None:
    clock = Clock()
    bucket = RateBucket(10, burst=10, clock=clock)
    clock.now += 1e6
    assert passed(bucket, clock, 1, every=0.0001, seconds=0.05) == 10


def test_what_is_larger_than_a_burst_passes_and_is_paid_back() -> None:
    clock = Clock()
    bucket = RateBucket(1000, burst=1000, clock=clock)
    assert bucket.seconds_until(5000) == 0
    bucket.take(5000)
    assert bucket.seconds_until(1) == pytest.approx(4.001)
    clock.now += 4.001
    assert bucket.seconds_until(1) == pytest.approx(0)
    assert bucket.seconds_until(5000) == pytest.approx(0.999)
    clock.now += 10_000
    assert passed(bucket, clock, 5000, every=0.1, seconds=100) == pytest.approx(100_000, rel=0.06)


def test_after_the_time_that_it_names_it_lets_through() -> None:
    clock = Clock()
    bucket = RateBucket(3, burst=3, clock=clock)
    for _ in range(1000):
        clock.now += bucket.seconds_until(1)
        assert bucket.seconds_until(1) == 0
        bucket.take(1)
    assert clock.now == pytest.approx(100 + 997 / 3)


@given(
    rate=st.floats(5e-324, 2.0**50),
    least=st.floats(0, 2),
    begun=st.floats(0, 1e9),
    pauses=st.lists(st.tuples(AMOUNTS, st.floats(0, 100)), min_size=1, max_size=20),
)
def test_any_amount_passes_after_exactly_the_time_that_was_named(
    rate: float, least: float, begun: float, pauses: list[tuple[float, float]]
) -> None:
    clock = Clock()
    clock.now = begun
    bucket = RateBucket(rate, burst=max(rate, least), clock=clock)
    for amount, pause in pauses:
        clock.now += pause
        seconds = bucket.seconds_until(amount)
        assert 0 <= seconds <= MAX_SECONDS
        if seconds < MAX_SECONDS:
            clock.now += seconds
            assert bucket.seconds_until(amount) == 0
            bucket.take(amount)


def test_a_rate_that_is_almost_none_names_the_longest_wait() -> None:
    clock = Clock()
    bucket = RateBucket(5e-324, burst=2, clock=clock)
    bucket.take(2)
    assert bucket.seconds_until(1) == MAX_SECONDS
