"""How soon the next wrong request of a client is looked at."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgesegd.core.client import Client

ERRORS_A_SECOND = 200.0
"""Of one address: each takes as much of the front as a frame, and costs its sender nothing."""
ERRORS_AT_ONCE = 100.0
"""That may come one after another without a pause."""
MAX_ADDRESSES = 1024
"""That are remembered, when they are not behind any more."""


class ErrorPace:
    """Lets each address make so many errors a second, on a `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paid: dict[Client, float] = {}

    def delay(self, client: Client) -> float:
        """Seconds to wait after an error of `client`."""
        now, address = self._clock(), client[:1]
        paid = max(self._paid.get(address, now), now) + 1 / ERRORS_A_SECOND
        self._paid[address] = paid
        if len(self._paid) > MAX_ADDRESSES:
            self._paid = {name: until for name, until in self._paid.items() if until > now}
        return max(0.0, paid - now - ERRORS_AT_ONCE / ERRORS_A_SECOND)
