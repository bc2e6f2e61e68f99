"""How many engines work side by side."""

from __future__ import annotations

import pytest

from edgesegd.delegates.spec import DelegateSpec
from edgesegd.supervision.replica_controller import plan_replicas, replica_budget

MB = 1 << 20


def test_replicas_that_run_do_not_change_how_many_can_be_afforded() -> None:
    """Else they would be ended and started again without end."""
    budgets = {replica_budget(260 * MB - count * 60 * MB, count, 60 * MB) for count in range(4)}
    assert budgets == {130 * MB}


def test_there_is_one_engine_where_its_memory_is_not_known() -> None:
    assert plan_replicas(cores=16, threads=0, level=9.0, budget=1000 * MB, each=0) == []


@pytest.mark.parametrize(
    ("cores", "threads", "level", "budget", "planned"),
    [
        (1, 0, 4.0, 1000 * MB, []),
        (2, 0, 4.0, 1000 * MB, [1, 1]),
        (2, 0, 1.2, 1000 * MB, [1, 1]),
        (4, 0, 9.0, 1000 * MB, [1, 1, 1, 1]),
        (4, 0, 2.4, 1000 * MB, [2, 2]),
        (4, 0, 9.0, 149 * MB, [2, 2]),
        (4, 0, 9.0, 150 * MB, [1, 1, 1]),
        (16, 0, 3.9, 1000 * MB, [4, 4, 4, 4]),
        (16, 0, 2.0, 1000 * MB, [4, 4]),
        (16, 0, 8.0, 1000 * MB, [2] * 8),
        (4, 2, 9.0, 1000 * MB, [2, 2]),
        (16, 1, 3.0, 1000 * MB, [1, 1, 1]),
        (2, 2, 9.0, 1000 * MB, []),
        (2, 0, 9.0, 99 * MB, []),
        (2, 0, 9.0, 0, []),
    ],
)
def test_engines_are_for_the_frames_fill_the_cores_and_fit_in_memory(
    cores: int, threads: int, level: float, budget: int, planned: list[int]
) -> None:
    choices = plan_replicas(cores=cores, threads=threads, level=level, budget=budget, each=50 * MB)
    assert choices == [(DelegateSpec(), count) for count in planned]
