"""How much faster an address is than it may be."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgesegd.core.client import Client

MAX_ADDRESSES = 1024
"""Addresses that are remembered even if they are no longer too fast."""


class AddressPace:
    """Lets each address do something `per_second` times; `clock` returns seconds."""

    def __init__(self, per_second: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._next: dict[Client, float] = {}

    def seconds_early(self, client: Client) -> float:
        """Count an event of the client's address; returns by how many seconds it is too early."""
        now, address = self._clock(), client[:1]
        turn = max(now, self._next.get(address, now))
        self._next[address] = turn + self._interval
        if len(self._next) > MAX_ADDRESSES:
            self._next = {name: due for name, due in self._next.items() if due > now}
        return turn - now

    def forget(self, client: Client) -> None:
        """Forget how fast the client's address was."""
        self._next.pop(client[:1], None)
