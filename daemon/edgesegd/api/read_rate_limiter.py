"""Limits how fast one address's messages are read while others send too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

from edgesegd.api.open_call import OpenCall

BYTES_A_SECOND = 256 << 20
"""Limit for one address. A LAN of 1 Gbit/s carries half of it; a raw 1080p camera on the same board
at 30 frames per second sends 186 MB per second."""
MIN_BYTES = 1 << 20
"""Smaller messages are not limited here; for them, the turns of the scheduler are enough."""
ACTIVE_SECONDS = 1.0
"""Another call counts as active if it had a message within this time."""


class ReadRateLimiter:
    """Slows down an address that sends faster than BYTES_A_SECOND while other `calls` are active.

    To read a message, the front copies it several times, even if it is refused then; meanwhile the
    front serves no one else.
    """

    def __init__(self, calls: Collection[OpenCall]) -> None:
        self._calls = calls
        self._next: dict[str, float] = {}

    async def wait_after(self, call: OpenCall, size: int) -> None:
        """Wait until the call's next message may be read, after one of `size` bytes."""
        if size < MIN_BYTES or not self._others_are_active(call):
            return
        address, now = call.client[0], time.monotonic()
        due = max(now, self._next.get(address, now)) + size / BYTES_A_SECOND
        self._next[address] = due
        try:
            await asyncio.sleep(due - now)
        finally:
            if self._next.get(address, now) <= time.monotonic():
                self._next.pop(address, None)

    def _others_are_active(self, call: OpenCall) -> bool:
        since = time.monotonic() - ACTIVE_SECONDS
        return any(other.client != call.client and other.progress >= since for other in self._calls)
