"""A clock for what is given one."""

from __future__ import annotations

import pytest


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """It stands still until the test sets `now`."""
    return Clock()
