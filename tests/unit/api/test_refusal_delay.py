"""How long refusals take, on a clock of the test."""

from __future__ import annotations

import pytest

from edgesegd.api.refusal_delay import (
    MAX_SECONDS,
    REFUSAL_SECONDS,
    REFUSALS_A_SECOND,
    RefusalDelay,
)
from edgesegd.scheduling.address_rate_limiter import MAX_ADDRESSES


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_occasional_refusals_have_a_short_delay() -> None:
    clock = Clock()
    delay = RefusalDelay(clock)
    for _ in range(100):
        assert delay.seconds(("robot", "robot:1"), 0) == pytest.approx(REFUSAL_SECONDS)
        clock.now += 1 / REFUSALS_A_SECOND


def test_an_address_is_refused_so_many_calls_a_second_whatever_its_connections_are() -> None:
    delay = RefusalDelay(Clock())
    waits = [delay.seconds(("flood", f"flood:{port}"), 0) for port in range(200)]
    assert waits[0] == pytest.approx(REFUSAL_SECONDS)
    assert waits[-1] == pytest.approx(REFUSAL_SECONDS + 199 / REFUSALS_A_SECOND)
    assert delay.seconds(("robot", "robot:1"), 0) == pytest.approx(REFUSAL_SECONDS)


def test_the_delay_of_refusals_has_an_upper_bound() -> None:
    delay = RefusalDelay(Clock())
    waits = [delay.seconds(("flood",), 0) for _ in range(10_000)]
    assert max(waits) == MAX_SECONDS


def test_a_large_message_is_refused_later() -> None:
    delay = RefusalDelay(Clock())
    assert delay.seconds(("robot",), 32 << 20) == pytest.approx(REFUSAL_SECONDS + 2)


def test_addresses_that_are_not_due_any_more_are_forgotten() -> None:
    clock = Clock()
    delay = RefusalDelay(clock)
    for number in range(10 * MAX_ADDRESSES):
        delay.seconds((f"host {number}",), 0)
        clock.now += 1.0
    assert len(delay._rate._buckets) <= MAX_ADDRESSES + 1
