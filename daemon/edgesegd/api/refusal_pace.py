"""How long a refusal takes, so that whoever asks again at once has nothing of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgesegd.core.client import Client

REFUSAL_SECONDS = 0.5
"""After which a call is refused, at least."""
REFUSALS_A_SECOND = 50.0
"""Of one address: more have to wait, for each takes as much of the front as a frame does."""
MAX_SECONDS = 30.0
REFUSED_BYTES_A_SECOND = 16 << 20
"""So much longer it takes where the last message was large."""
MAX_ADDRESSES = 1024
"""That are remembered, when they are not due any more."""


class RefusalPace:
    """Says when each refused call is to be told, on a `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: dict[Client, float] = {}

    def seconds(self, client: Client, message_size: int) -> float:
        """Until a call of `client` is to be refused, whose last message had so many bytes."""
        now, address = self._clock(), client[:1]
        turn = max(now, self._next.get(address, now))
        self._next[address] = turn + 1 / REFUSALS_A_SECOND
        if len(self._next) > MAX_ADDRESSES:
            self._next = {name: due for name, due in self._next.items() if due > now}
        size_seconds = message_size / REFUSED_BYTES_A_SECOND
        return min(REFUSAL_SECONDS + turn - now, MAX_SECONDS) + size_seconds
