"""Limits how often each address may do something."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgesegd.core.client import Client

MAX_ADDRESSES = 1024
"""Addresses that are remembered even if they are within the limit again."""


class AddressRateLimiter:
    """Lets each address do something `per_second` times, and `burst` times without a pause.

    `clock` returns seconds.
    """

    def __init__(
        self,
        per_second: float,
        *,
        burst: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._next: dict[Client, float] = {}

    def seconds_until_allowed(self, client: Client) -> float:
        """By how many seconds an event of the client's address is too early; else it is counted."""
        due = self._next.get(client[:1])
        early = self.delay(client)
        if early and due is not None:
            self._next[client[:1]] = due
        return early

    def delay(self, client: Client) -> float:
        """Count an event of the client's address; returns by how many seconds it is too early."""
        # One unit of this time is the interval between two events, so it adds up without rounding.
        now, address = self._clock() * self._per_second, client[:1]
        due = max(now, self._next.get(address, now))
        self._next[address] = due + 1
        if len(self._next) > MAX_ADDRESSES:
            self._next = {name: due for name, due in self._next.items() if due > now}
        return max(0.0, due - now - (self._burst - 1)) / self._per_second

    def forget(self, client: Client) -> None:
        """Forget the events of the client's address."""
        self._next.pop(client[:1], None)
