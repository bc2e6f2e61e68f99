"""Limits a rate, and lets through now and then what is larger than the rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

MAX_SECONDS: Final = 86400.0
"""The longest wait that is named: at a tiny rate it would be years, or more than a number holds."""
EARLY_SECONDS: Final = 1e-6
"""So much too early is in time, for a clock and sums of floats are not more exact."""


class RateBucket:
    """Lets `per_second` pass in each second, and `burst` at once after a pause.

    What is larger than the burst may pass when nothing did for long enough. The bucket is then in
    debt: nothing else passes until the rate has made up for it. `clock` returns seconds.
    """

    def __init__(
        self, per_second: float, *, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._level = burst
        self._filled_at = clock()

    def seconds_until(self, amount: float) -> float:
        """How long until `amount` may pass, in seconds; 0 if it may pass now.

        It passes after exactly that long if nothing else passes before. At most a day is named, and
        after a day it may have to wait again.
        """
        now = self._clock()
        filled = (now - self._filled_at) * self._per_second
        self._level, self._filled_at = min(self._burst, self._level + filled), now
        seconds = (min(amount, self._burst) - self._level) / self._per_second
        return 0.0 if seconds <= EARLY_SECONDS else min(seconds, MAX_SECONDS)

    def take(self, amount: float) -> None:
        """Let `amount` pass."""
        self._level -= amount
