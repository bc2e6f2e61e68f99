"""How fast frames are read that nobody will segment."""

from __future__ import annotations

import asyncio
import time

BYTES_A_SECOND = 256 << 20
"""Of an address. A LAN of 1 Gbit/s carries half of it; a raw camera of 1080p on the same board 186
MB at 30 frames a second."""


class ReadPace:
    """Holds back an address whose frames are superseded faster than that.

    To read a frame costs the front several copies of it, which it has to make for all.
    """

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    async def after(self, address: str, size: int) -> None:
        """Wait for as long as `size` bytes more may take."""
        now = time.monotonic()
        due = max(now, self._next.get(address, now)) + size / BYTES_A_SECOND
        self._next[address] = due
        await asyncio.sleep(due - now)
        if self._next.get(address, now) <= time.monotonic():
            self._next.pop(address, None)
