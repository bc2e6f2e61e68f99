"""Which stamps an image's age counts from."""

from __future__ import annotations

import pytest

from edgeseg_ros.capture_time import CaptureClock, nanoseconds
from support.ros_messages import header

SECOND = 1_000_000_000
NOW = 1_790_000_000 * SECOND


def captured(
    stamp_ns: int, clock: CaptureClock, *, ros_now_ns: int = NOW, simulated: bool = False
) -> int | None:
    return clock.captured_unix_ns(
        stamp_ns, ros_now_ns=ros_now_ns, wall_now_ns=NOW, simulated=simulated
    )


def test_a_stamp_has_nanoseconds() -> None:
    assert nanoseconds(header(NOW + 7).stamp) == NOW + 7


@pytest.mark.parametrize("age_ns", [0, SECOND // 30, 9 * SECOND, -SECOND // 2])
def test_a_stamp_of_the_wall_clock_is_the_time_of_capture(age_ns: int) -> None:
    assert captured(NOW - age_ns, CaptureClock()) == NOW - age_ns


@pytest.mark.parametrize("stamp_ns", [0, 5 * SECOND, NOW - 11 * SECOND, NOW + 2 * SECOND])
def test_an_image_whose_stamp_is_of_another_clock_is_new(stamp_ns: int) -> None:
    assert captured(stamp_ns, CaptureClock()) is None


def test_with_simulated_time_an_image_is_new_whatever_its_stamp() -> None:
    clock = CaptureClock()
    assert captured(7 * SECOND, clock, ros_now_ns=8 * SECOND, simulated=True) is None
    assert captured(NOW, clock, simulated=True) is None


def test_the_stamp_counts_always_or_never_if_that_is_set() -> None:
    old = NOW - 3600 * SECOND
    assert captured(old, CaptureClock("stamp")) == old
    simulated = captured(7 * SECOND, CaptureClock("stamp"), ros_now_ns=9 * SECOND, simulated=True)
    assert simulated == NOW - 2 * SECOND
    assert captured(NOW, CaptureClock("receipt")) is None
