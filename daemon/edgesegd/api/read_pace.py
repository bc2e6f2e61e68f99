"""How fast the messages of one client are read beside those of others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

from edgesegd.api.open_call import OpenCall

BYTES_A_SECOND = 256 << 20
"""Of an address. A LAN of 1 Gbit/s carries half of it; a raw camera of 1080p on the same board 186
MB at 30 frames a second."""
MIN_BYTES = 1 << 20
"""Of a message; smaller ones are held back by their turns."""
COMPANY_SECONDS = 1.0
"""Another call counts that had a message so recently."""


class ReadPace:
    """Holds back an address that sends faster than that, where others of `calls` are at work.

    To read a message costs the front several copies of it, whatever becomes of it, in which it does
    nothing for others.
    """

    def __init__(self, calls: Collection[OpenCall]) -> None:
        self._calls = calls
        self._next: dict[str, float] = {}

    async def after(self, call: OpenCall, size: int) -> None:
        """Wait until the call's next message may be read, where its last one had `size` bytes."""
        if size < MIN_BYTES or not self._has_company(call):
            return
        address, now = call.client[0], time.monotonic()
        due = max(now, self._next.get(address, now)) + size / BYTES_A_SECOND
        self._next[address] = due
        try:
            await asyncio.sleep(due - now)
        finally:
            if self._next.get(address, now) <= time.monotonic():
                self._next.pop(address, None)

    def _has_company(self, call: OpenCall) -> bool:
        since = time.monotonic() - COMPANY_SECONDS
        return any(other.client != call.client and other.progress >= since for other in self._calls)
