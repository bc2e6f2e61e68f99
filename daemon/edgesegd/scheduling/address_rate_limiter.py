"""Limits how often each address may do something."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgesegd.core.client import Client
from edgesegd.scheduling.rate_bucket import RateBucket

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
        self._buckets: dict[Client, RateBucket] = {}

    def seconds_until_allowed(self, client: Client) -> float:
        """By how many seconds an event of the client's address is too early; else it is counted."""
        bucket = self._bucket_of(client)
        early = bucket.seconds_until(1)
        if not early:
            bucket.take(1)
        return early

    def delay(self, client: Client) -> float:
        """Count an event of the client's address; returns by how many seconds it is too early."""
        bucket = self._bucket_of(client)
        early = bucket.seconds_until(1)
        bucket.take(1)
        return early

    def forget(self, client: Client) -> None:
        """Forget the events of the client's address."""
        self._buckets.pop(client[:1], None)

    def _bucket_of(self, client: Client) -> RateBucket:
        address = client[:1]
        if (bucket := self._buckets.get(address)) is None:
            if len(self._buckets) >= MAX_ADDRESSES:
                self._buckets = {
                    name: each for name, each in self._buckets.items() if not each.is_full
                }
            bucket = RateBucket(self._per_second, burst=self._burst, clock=self._clock)
            self._buckets[address] = bucket
        return bucket
