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

    __slots__ = ("_burst", "_clock", "_due", "_per_second")  # there is one for each address

    def __init__(
        self, per_second: float, *, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        # When the rate will have made up for all that passed. One unit of this time is the interval
        # between two units of what passes, so it adds up without rounding.
        self._due = self._now()

    @property
    def is_full(self) -> bool:
        """Whether it is as if nothing had passed."""
        return self._due <= self._now()

    def seconds_until(self, amount: float) -> float:
        """How long until `amount` may pass, in seconds; 0 if it may pass now.

        It passes after exactly that long if nothing else passes before. At most a day is named, and
        after a day it may have to wait again.
        """
        allowed = self._burst - min(amount, self._burst)
        seconds = (self._due - self._now() - allowed) / self._per_second
        return 0.0 if seconds <= EARLY_SECONDS else min(seconds, MAX_SECONDS)

    def take(self, amount: float) -> None:
        """Let `amount` pass."""
        self._due = max(self._now(), self._due) + amount

    def _now(self) -> float:
        return self._clock() * self._per_second
