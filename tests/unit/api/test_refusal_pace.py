"""How long refusals take, on a clock of the test."""

from __future__ import annotations

import pytest

from edgesegd.api.refusal_pace import (
    MAX_SECONDS,
    REFUSAL_SECONDS,
    REFUSALS_A_SECOND,
    RefusalPace,
)
from edgesegd.scheduling.address_pace import MAX_ADDRESSES


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_occasional_refusals_have_a_short_delay() -> None:
    clock = Clock()
    pace = RefusalPace(clock)
    for _ in range(100):
        assert pace.seconds(("robot", "robot:1"), 0) == pytest.approx(REFUSAL_SECONDS)
        clock.now += 1 / REFUSALS_A_SECOND


def test_an_address_is_refused_so_many_calls_a_second_whatever_its_connections_are() -> None:
    pace = RefusalPace(Clock())
    waits = [pace.seconds(("flood", f"flood:{port}"), 0) for port in range(200)]
    assert waits[0] == pytest.approx(REFUSAL_SECONDS)
    assert waits[-1] == pytest.approx(REFUSAL_SECONDS + 199 / REFUSALS_A_SECOND)
    assert pace.seconds(("robot", "robot:1"), 0) == pytest.approx(REFUSAL_SECONDS)


def test_the_delay_of_refusals_has_an_upper_bound() -> None:
    pace = RefusalPace(Clock())
    waits = [pace.seconds(("flood",), 0) for _ in range(10_000)]
    assert max(waits) == MAX_SECONDS


def test_a_large_message_is_refused_later() -> None:
    pace = RefusalPace(Clock())
    assert pace.seconds(("robot",), 32 << 20) == pytest.approx(REFUSAL_SECONDS + 2)


def test_addresses_that_are_not_due_any_more_are_forgotten() -> None:
    clock = Clock()
    pace = RefusalPace(clock)
    for number in range(10 * MAX_ADDRESSES):
        pace.seconds((f"host {number}",), 0)
        clock.now += 1.0
    assert len(pace._pace._next) <= MAX_ADDRESSES + 1
