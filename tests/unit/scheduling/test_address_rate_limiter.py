"""What an address does too often costs it time."""

from __future__ import annotations

import pytest

from edgesegd.scheduling.address_rate_limiter import MAX_ADDRESSES, AddressRateLimiter

ONE, SAME, OTHER = ("10.0.0.1", "a"), ("10.0.0.1", "b"), ("10.0.0.2", "c")
BURST, PER_SECOND = 100, 200.0


def test_a_few_events_cost_nothing_and_many_are_delayed() -> None:
    now = [100.0]
    limiter = AddressRateLimiter(PER_SECOND, burst=BURST, clock=lambda: now[0])
    delays = [limiter.delay(ONE) for _ in range(BURST)]
    assert set(delays) == {0.0}
    sent, begun = 0, now[0]
    while now[0] < begun + 10:
        now[0] += limiter.delay(SAME)
        sent += 1
    assert sent == pytest.approx(10 * PER_SECOND, rel=0.02)
    assert limiter.delay(OTHER) == 0.0
    now[0] += 1
    assert limiter.delay(ONE) == 0.0


def test_an_event_that_is_too_early_is_not_counted_where_it_is_refused() -> None:
    now = [100.0]
    limiter = AddressRateLimiter(PER_SECOND, burst=BURST, clock=lambda: now[0])
    assert [limiter.seconds_until_allowed(ONE) for _ in range(BURST)] == [0.0] * BURST
    assert [limiter.seconds_until_allowed(SAME) for _ in range(9)] == [1 / PER_SECOND] * 9
    now[0] += 1 / PER_SECOND
    assert limiter.seconds_until_allowed(ONE) == 0.0
    limiter.forget(SAME)
    assert limiter.delay(ONE) == 0.0


def test_of_many_addresses_those_over_their_limit_are_remembered() -> None:
    limiter = AddressRateLimiter(PER_SECOND, clock=lambda: now)
    now = 100.0
    assert limiter.delay(ONE) == 0.0
    for _ in range(10 * MAX_ADDRESSES):
        limiter.delay(ONE)
    now += 1.0
    for number in range(3 * MAX_ADDRESSES):
        limiter.delay((f"10.1.{number // 256}.{number % 256}", ""))
        now += 2 / PER_SECOND
    assert limiter.delay(ONE) > 0.0
    assert len(limiter._buckets) <= MAX_ADDRESSES
