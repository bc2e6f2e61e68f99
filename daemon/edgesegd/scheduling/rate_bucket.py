"""Limits a rate, and lets through now and then what is larger than the rate."""

from __future__ import annotations

import time
from collections.abc import Callable


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
        """How long until `amount` may pass; 0 if it may pass now."""
        now = self._clock()
        filled = (now - self._filled_at) * self._per_second
        self._level, self._filled_at = min(self._burst, self._level + filled), now
        return max(0.0, min(amount, self._burst) - self._level) / self._per_second

    def take(self, amount: float) -> None:
        """Let `amount` pass."""
        self._level -= amount
