"""How many engines work side by side."""

from __future__ import annotations

import pytest

from edgesegd.core.delegates.spec import DelegateSpec
from edgesegd.link.replicas import plan_replicas

MB = 1 << 20


@pytest.mark.parametrize(
    ("cores", "threads", "budget", "planned"),
    [
        (1, 1, 1000 * MB, []),
        (2, 1, 1000 * MB, [1, 1]),
        (4, 1, 1000 * MB, [1, 1, 1, 1]),
        (4, 1, 149 * MB, [2, 2]),
        (4, 1, 150 * MB, [1, 1, 1]),
        (4, 2, 1000 * MB, [2, 2]),
        (2, 2, 1000 * MB, []),
        (2, 1, 99 * MB, []),
        (2, 1, 0, []),
    ],
)
def test_engines_fill_the_cores_and_fit_in_memory(
    cores: int, threads: int, budget: int, planned: list[int]
) -> None:
    choices = plan_replicas(cores=cores, threads=threads, budget=budget, each=50 * MB)
    assert choices == [(DelegateSpec(), count) for count in planned]
