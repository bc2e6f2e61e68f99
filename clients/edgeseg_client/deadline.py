"""When a call must have ended."""

from __future__ import annotations

import asyncio

from edgeseg_client.errors import Expired


class Deadline:
    """Ends `within` seconds after it was made, by the running event loop's clock; None: never."""

    def __init__(self, within: float | None) -> None:
        self._clock = asyncio.get_running_loop().time
        self._at = None if within is None else self._clock() + within

    def left(self) -> float | None:
        """The seconds that are left, None for no limit; raises `Expired` if there are none."""
        if self._at is None:
            return None
        left = self._at - self._clock()
        if left <= 0:  # gRPC might send a call whose deadline has passed
            raise Expired("there was no time left for the call")
        return left

    def allows(self, delay: float) -> bool:
        """Whether there is time left after that many seconds."""
        return self._at is None or self._clock() + delay < self._at
