"""What an address does too often costs it time."""

from __future__ import annotations

import pytest

from edgesegd.scheduling.address_rate_limiter import AddressRateLimiter

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
