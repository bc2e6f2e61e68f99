"""How long to wait before the next attempt; has no I/O and no clock."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Exponential delays with jitter, until a budget of time is spent.

    Delays start at `initial` seconds and grow by `factor` up to `maximum`. Each is multiplied by a
    random number between 0.5 and 1, so that many clients do not try again at the same moment. The
    budget, in seconds, counts from the first failure after the last success. A connection that
    lasted for `stable_after` seconds counts as a success.
    """

    def __init__(
        self,
        budget: float,
        *,
        initial: float = 0.1,
        factor: float = 2.0,
        maximum: float = 1.0,
        stable_after: float = 5.0,
        randomness: Callable[[], float] = random.random,
    ) -> None:
        self.budget = budget
        self._initial = initial
        self._factor = factor
        self._maximum = maximum
        self._stable_after = stable_after
        self._randomness = randomness
        self._failures = 0
        self._failing_since: float | None = None
        self._connected_since: float | None = None

    def delay(self, now: float, *, at_least: float = 0.0) -> float | None:
        """How long to wait after a failure at `now`, in seconds; None means give up.

        `now` comes from any monotonic clock, in seconds. The last delay ends when the budget does.
        `at_least` is the delay that the daemon asked for, in seconds; if it is longer than the rest
        of the budget, there is no further attempt.
        """
        if self._connected_since is not None and now - self._connected_since >= self._stable_after:
            self.reset()
        self._connected_since = None
        if self._failing_since is None:
            self._failing_since = now
        left = self._failing_since + self.budget - now
        if left <= 0 or at_least > left:
            return None
        # Without a bound on the exponent, a long outage would overflow the float.
        step = min(self._maximum, self._initial * self._factor ** min(self._failures, 64))
        self._failures += 1
        jitter = self._randomness() / 2
        # Jitter here too: the daemon may have sent the same delay to many clients.
        return min(left, max(step * (0.5 + jitter), at_least * (1 + jitter)))

    def connected(self, now: float) -> None:
        """Call it when a connection was opened; it may not last."""
        self._connected_since = now

    def reset(self) -> None:
        """Forgets the failures; call it after a success."""
        self._failures = 0
        self._failing_since = None
