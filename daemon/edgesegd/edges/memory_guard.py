"""What gRPC holds of messages that have not come to their end, which nobody else can count."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection

from edgesegd.allocator import resident_bytes
from edgesegd.edges.admission import OpenCall

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.02
"""Memory tells nobody that it grows; to look takes some microseconds."""
NO_PROGRESS_SECONDS = 0.05
"""A call without a message for so long may be in the middle of a large one, or of none."""


class MemoryGuard:
    """Ends calls where this process has grown by `growth` bytes since it started to look.

    Of those that make no progress, all of the address that has most of them; then it looks again. A
    camera that is idle at such a moment has to open its stream anew, but loses no frame.
    `give_back` gives freed memory back to the system.
    """

    def __init__(
        self,
        calls: Collection[OpenCall],
        *,
        growth: int,
        give_back: Callable[[], None],
        on_evicted: Callable[[], None],
    ) -> None:
        self._calls = calls
        self._growth = growth
        self._give_back = give_back
        self._on_evicted = on_evicted

    async def run(self) -> None:
        """Look again and again, without end; at once where this is not Linux."""
        if sys.platform != "linux":
            return
        most = resident_bytes() + self._growth
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._calls and resident_bytes() > most:
                self._give_back()
                if resident_bytes() > most:
                    self._evict()

    def _evict(self) -> None:
        before = time.monotonic() - NO_PROGRESS_SECONDS
        waiting = [call for call in self._calls if call.progress < before]
        by_address = Counter(call.client[0] for call in waiting)
        if not by_address:
            return
        [(address, count)] = by_address.most_common(1)
        log.warning("memory is used up: %d calls of %s are ended", count, address)
        for call in waiting:
            if call.client[0] == address:
                call.evict()
                self._on_evicted()
