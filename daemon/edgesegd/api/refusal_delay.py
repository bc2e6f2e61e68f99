"""Delays refusals, so that a client that tries again at once does not take the front's time."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgesegd.core.client import Client
from edgesegd.scheduling.address_rate_limiter import AddressRateLimiter

REFUSAL_SECONDS = 0.5
"""The shortest delay of a refusal."""
REFUSALS_A_SECOND = 50.0
"""For one address; more have to wait, because each takes as much of the front's time as a frame."""
MAX_SECONDS = 30.0
REFUSED_BYTES_A_SECOND = 16 << 20
"""The last message's bytes divided by this are added to the delay."""


class RefusalDelay:
    """Determines how long each refusal is delayed; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = AddressRateLimiter(REFUSALS_A_SECOND, clock=clock)

    def seconds(self, client: Client, message_size: int) -> float:
        """The delay of a refusal of `client`, whose last message had `message_size` bytes."""
        size_seconds = message_size / REFUSED_BYTES_A_SECOND
        return min(REFUSAL_SECONDS + self._rate.delay(client), MAX_SECONDS) + size_seconds
