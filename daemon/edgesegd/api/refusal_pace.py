"""Delays refusals, so that a client that tries again at once does not take the front's time."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgesegd.core.client import Client
from edgesegd.scheduling.address_pace import AddressPace

REFUSAL_SECONDS = 0.5
"""The least delay of a refusal."""
REFUSALS_A_SECOND = 50.0
"""For one address; more have to wait, because each takes as much of the front's time as a frame."""
MAX_SECONDS = 30.0
REFUSED_BYTES_A_SECOND = 16 << 20
"""The last message's bytes divided by this are added to the delay."""


class RefusalPace:
    """Determines how long each refusal is delayed; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace = AddressPace(REFUSALS_A_SECOND, clock=clock)

    def seconds(self, client: Client, message_size: int) -> float:
        """The delay of a refusal of `client`, whose last message had `message_size` bytes."""
        size_seconds = message_size / REFUSED_BYTES_A_SECOND
        return min(REFUSAL_SECONDS + self._pace.seconds_early(client), MAX_SECONDS) + size_seconds
