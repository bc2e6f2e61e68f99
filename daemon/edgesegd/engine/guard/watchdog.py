"""An end for a driver that hangs in an invoke, sooner than the front could know of it."""

from __future__ import annotations

import signal

FLOOR_SECONDS = 2.0
FACTOR = 20.0
"""Times the usual invoke; never less than the floor, for boards stall now and then."""
WEIGHT = 0.1
"""Of the newest invoke in the moving average."""


class InvokeWatchdog:
    """Ends this process by SIGALRM where an invoke takes FACTOR times as long as usual.

    `usual` is what one took before, seconds. A context manager, for one invoke after another. The
    kernel does it, so that neither Python's lock nor a driver that never returns can hold it up.
    """

    def __init__(self, *, usual: float) -> None:
        self._usual = usual

    @property
    def seconds(self) -> float:
        """How long an invoke may take now."""
        return max(FLOOR_SECONDS, FACTOR * self._usual)

    def __enter__(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_reason: object) -> None:
        left = signal.setitimer(signal.ITIMER_REAL, 0)[0]
        self._usual += WEIGHT * (self.seconds - left - self._usual)
