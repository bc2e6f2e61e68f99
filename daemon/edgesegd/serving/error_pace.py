"""How long a client waits after a wrong request until its next one is read."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgesegd.core.client import Client
from edgesegd.scheduling.address_pace import AddressPace

ERRORS_A_SECOND = 200.0
"""Errors per second of one address; answering one costs as much as a frame."""
ERRORS_AT_ONCE = 100.0
"""Errors of one address that are answered one after another without a pause."""


class ErrorPace:
    """Lets each address make ERRORS_A_SECOND errors per second; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace = AddressPace(ERRORS_A_SECOND, clock=clock)

    def delay(self, client: Client) -> float:
        """Seconds to wait after an error of `client`."""
        return max(0.0, self._pace.seconds_early(client) - (ERRORS_AT_ONCE - 1) / ERRORS_A_SECOND)
