"""How old the robot of `clients/examples/robot.py` takes its frames to be."""

from __future__ import annotations

import runpy
import time
from pathlib import Path

import pytest

from edgeseg_client import Frame

ROBOT = Path(__file__).parents[3] / "clients/examples/robot.py"
HOUR_NS = 3600 * 10**9


def frame_id(captured_unix_ns: int | None) -> int:
    (frame,) = runpy.run_path(str(ROBOT))["timed"]([Frame(b"", 0, captured_unix_ns)])
    return int(frame.id)


def test_a_frame_is_as_old_as_its_time_of_capture_says() -> None:
    before = time.monotonic_ns()
    taken = frame_id(time.time_ns() - 10**9)
    assert before - 2 * 10**9 < taken <= time.monotonic_ns() - 10**9


def test_a_frame_that_was_captured_in_the_future_is_not_fresh_for_longer_than_a_new_one() -> None:
    assert frame_id(time.time_ns() + HOUR_NS) <= time.monotonic_ns()


@pytest.mark.parametrize("captured", [None, 1])
def test_a_frame_of_unknown_or_very_old_capture_is_never_fresh(captured: int | None) -> None:
    assert frame_id(captured) == 0
