"""Wrong requests cost their sender time, once there are many."""

from __future__ import annotations

import pytest

from edgesegd.serving.error_pace import ERRORS_A_SECOND, ERRORS_AT_ONCE, ErrorPace

ONE, SAME, OTHER = ("10.0.0.1", "a"), ("10.0.0.1", "b"), ("10.0.0.2", "c")


def test_a_few_errors_cost_nothing_and_many_are_paced() -> None:
    now = [100.0]
    pace = ErrorPace(lambda: now[0])
    delays = [pace.delay(ONE) for _ in range(round(ERRORS_AT_ONCE))]
    assert set(delays) == {0.0}
    sent, begun = 0, now[0]
    while now[0] < begun + 10:
        now[0] += pace.delay(SAME)
        sent += 1
    assert sent == pytest.approx(10 * ERRORS_A_SECOND, rel=0.02)
    assert pace.delay(OTHER) == 0.0
    now[0] += 1
    assert pace.delay(ONE) == 0.0
