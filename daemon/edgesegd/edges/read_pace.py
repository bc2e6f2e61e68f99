"""How fast the frames of one client are read beside those of others."""

from __future__ import annotations

import asyncio
import time

BYTES_A_SECOND = 256 << 20
"""Of an address. A LAN of 1 Gbit/s carries half of it; a raw camera of 1080p on the same board 186
MB at 30 frames a second."""

MIN_BYTES = 1 << 20
"""Smaller frames are held back by their turns."""


class ReadPace:
    """Holds back an address that sends faster than that.

    To read a frame costs the front several copies of it, whatever becomes of it, in which it does
    nothing for others.
    """

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    async def after(self, address: str, size: int) -> None:
        """Wait for as long as `size` bytes more may take."""
        if size < MIN_BYTES:
            return
        now = time.monotonic()
        due = max(now, self._next.get(address, now)) + size / BYTES_A_SECOND
        self._next[address] = due
        await asyncio.sleep(due - now)
        if self._next.get(address, now) <= time.monotonic():
            self._next.pop(address, None)
