"""When to try a lost connection again, without any I/O or clock."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Exponential delays with jitter, until a budget of time is spent.

    Delays grow from `initial` by `factor` to `maximum` seconds; each is multiplied by a random
    number between 0.5 and 1, so that many clients do not come back at once. The budget counts from
    the first failure after the last success; a connection that held for `stable_after` seconds
    was one.
    """

    def __init__(
        self,
        budget: float,
        *,
        initial: float = 0.1,
        factor: float = 2.0,
        maximum: float = 2.0,
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
        """How long to wait after a failure at `now`, in seconds; None: give up.

        `now` is any clock that only goes forward, in seconds. The last delay ends with the budget.
        `at_least` is what the other side asked for, in seconds; where that is more than is left of
        the budget, there is no further attempt.
        """
        if self._connected_since is not None and now - self._connected_since >= self._stable_after:
            self.reset()
        self._connected_since = None
        if self._failing_since is None:
            self._failing_since = now
        left = self._failing_since + self.budget - now
        if left <= 0 or at_least > left:
            return None
        # The exponent is bounded, or a long outage would overflow the float.
        step = min(self._maximum, self._initial * self._factor ** min(self._failures, 64))
        self._failures += 1
        jitter = self._randomness() / 2
        # Those that were told the same time do not come back at once either.
        return min(left, max(step * (0.5 + jitter), at_least * (1 + jitter)))

    def connected(self, now: float) -> None:
        """Notes that there is a connection since `now`, which may not hold."""
        self._connected_since = now

    def reset(self) -> None:
        """Forgets the failures; to be called after a success."""
        self._failures = 0
        self._failing_since = None
