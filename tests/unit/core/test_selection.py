"""Delegates for many frames a second."""

from __future__ import annotations

import pytest

from edgesegd.core.delegates.selection import Selection
from edgesegd.core.delegates.spec import DelegateSpec

CPU, TPU = DelegateSpec(), DelegateSpec("edgetpu", ("libedgetpu.so.1",))


@pytest.mark.parametrize(
    ("cores", "threads", "engines"), [(1, 1, 1), (2, 1, 2), (4, 2, 2), (3, 2, 1), (2, 4, 1)]
)
def test_the_cpu_is_filled_by_several_engines(cores: int, threads: int, engines: int) -> None:
    spread = Selection(((CPU, 4),)).spread(cores, threads)
    assert spread.ladder == ((CPU, threads),)
    assert spread.beside == ((CPU, threads),) * (engines - 1)


def test_an_accelerator_is_filled_by_one() -> None:
    selection = Selection(((TPU, 1), (CPU, 2)))
    assert selection.spread(4, 1) is selection
