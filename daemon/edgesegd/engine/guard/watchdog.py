"""Ends the process if a driver hangs in an invoke, before the front could notice it."""

from __future__ import annotations

import signal

from edgesegd.core.usual_timeout import UsualTimeout

FLOOR_SECONDS = 2.0
"""Boards stall now and then."""


class InvokeWatchdog(UsualTimeout):
    """Ends this process by SIGALRM if an invoke takes much longer than usual.

    This is a context manager for one invoke after another. `usual` is how long an invoke took
    before, in seconds. A timer of the kernel ends the process, so neither the GIL nor a driver that
    never returns can prevent it.
    """

    def __init__(self, *, usual: float) -> None:
        super().__init__(floor=FLOOR_SECONDS, usual=usual)
        self._limit = 0.0

    def __enter__(self) -> None:
        self._limit = self.seconds
        signal.setitimer(signal.ITIMER_REAL, self._limit)

    def __exit__(self, *_reason: object) -> None:
        left = signal.setitimer(signal.ITIMER_REAL, 0)[0]
        self.observe(self._limit - left)
