"""Ends the process if a driver hangs in an invoke, before the front could notice it."""

from __future__ import annotations

import signal

FLOOR_SECONDS = 2.0
FACTOR = 20.0
"""The limit as a multiple of the usual invoke; at least the floor, as boards stall now and then."""
WEIGHT = 0.1
"""Weight of the newest invoke in the moving average."""


class InvokeWatchdog:
    """Ends this process by SIGALRM if an invoke takes FACTOR times as long as usual.

    This is a context manager for one invoke after another. `usual` is how long an invoke took
    before, in seconds. A timer of the kernel ends the process, so neither the GIL nor a driver that
    never returns can prevent it.
    """

    def __init__(self, *, usual: float) -> None:
        self._usual = usual

    @property
    def seconds(self) -> float:
        """How long the next invoke may take."""
        return max(FLOOR_SECONDS, FACTOR * self._usual)

    def __enter__(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_reason: object) -> None:
        left = signal.setitimer(signal.ITIMER_REAL, 0)[0]
        self._usual += WEIGHT * (self.seconds - left - self._usual)
