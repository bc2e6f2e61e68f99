"""Delays refusals, so that a client that tries again at once does not take the front's time."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgesegd.core.client import Client

REFUSAL_SECONDS = 0.5
"""The least delay of a refusal."""
REFUSALS_A_SECOND = 50.0
"""For one address; more have to wait, because each takes as much of the front's time as a frame."""
MAX_SECONDS = 30.0
REFUSED_BYTES_A_SECOND = 16 << 20
"""The last message's bytes divided by this are added to the delay."""
MAX_ADDRESSES = 1024
"""When more addresses are remembered, those without a pending refusal are forgotten."""


class RefusalPace:
    """Determines how long each refusal is delayed; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: dict[Client, float] = {}

    def seconds(self, client: Client, message_size: int) -> float:
        """The delay of a refusal of `client`, whose last message had `message_size` bytes."""
        now, address = self._clock(), client[:1]
        turn = max(now, self._next.get(address, now))
        self._next[address] = turn + 1 / REFUSALS_A_SECOND
        if len(self._next) > MAX_ADDRESSES:
            self._next = {name: due for name, due in self._next.items() if due > now}
        size_seconds = message_size / REFUSED_BYTES_A_SECOND
        return min(REFUSAL_SECONDS + turn - now, MAX_SECONDS) + size_seconds
