"""How many invokes of a trial are timed."""

from __future__ import annotations

import pytest

from edgesegd.probe.timing import is_enough


@pytest.mark.parametrize(
    ("invoke_seconds", "count"), [(0.001, 30), (0.1, 20), (0.5, 5), (2.0, 5), (4.0, 2), (17.0, 2)]
)
def test_few_invokes_are_timed_where_each_takes_long(invoke_seconds: float, count: int) -> None:
    timed: list[float] = []
    while not is_enough(timed):
        timed.append(invoke_seconds)
    assert len(timed) == count
