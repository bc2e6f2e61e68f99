"""Delegates for many frames a second."""

from __future__ import annotations

import pytest

from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import DelegateSpec

CPU, TPU = DelegateSpec(), DelegateSpec("edgetpu", ("libedgetpu.so.1",))


@pytest.mark.parametrize(
    ("cores", "threads", "engines"), [(1, 1, 1), (2, 1, 2), (4, 2, 2), (3, 2, 1), (2, 4, 1)]
)
def test_for_throughput_several_engines_fill_the_cpu(
    cores: int, threads: int, engines: int
) -> None:
    spread = Selection(((CPU, 4),)).spread(cores, threads)
    assert spread.ranking == ((CPU, threads),)
    assert spread.extra == ((CPU, threads),) * (engines - 1)


def test_for_throughput_one_engine_fills_an_accelerator() -> None:
    selection = Selection(((TPU, 1), (CPU, 2)))
    assert selection.spread(4, 1) is selection
