"""Measures time in which this process runs."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

TICK_SECONDS = 0.2
"""The precision. A stop counts if a tick is late by as much again."""


class RunningClock:
    """A clock in seconds that stands still while this process is stopped.

    That is by SIGSTOP, by a frozen control group or with the whole machine; how long something took
    meanwhile says nothing about it. While `run` runs, the time until a tick that came late counts
    as stopped. The first call after a stop may come before that tick, and knows it too. `clock` is
    the one that goes on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stopped = 0.0
        self._last_tick: float | None = None
        self._last = -math.inf

    def __call__(self) -> float:
        """The time in seconds, of no particular origin."""
        now = self._clock()
        if self._last_tick is not None:
            late = now - self._last_tick - TICK_SECONDS
            if late > TICK_SECONDS:
                self._stopped += late
                self._last_tick = now
        self._last = max(self._last, now - self._stopped)  # it never goes back
        return self._last

    async def run(self) -> None:
        """Tick forever."""
        try:
            while True:
                self()
                self._last_tick = self._clock()
                await asyncio.sleep(TICK_SECONDS)
        finally:
            self._last_tick = None
