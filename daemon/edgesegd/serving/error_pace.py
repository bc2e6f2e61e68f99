"""How soon the next wrong request of a client is looked at."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgesegd.core.client import Client
from edgesegd.scheduling.address_pace import AddressPace

ERRORS_A_SECOND = 200.0
"""Of one address: each takes as much of the front as a frame, and costs its sender nothing."""
ERRORS_AT_ONCE = 100.0
"""That may come one after another without a pause."""


class ErrorPace:
    """Lets each address make so many errors a second, on a `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace = AddressPace(ERRORS_A_SECOND, clock=clock)

    def delay(self, client: Client) -> float:
        """Seconds to wait after an error of `client`."""
        return max(0.0, self._pace.seconds_early(client) - (ERRORS_AT_ONCE - 1) / ERRORS_A_SECOND)
