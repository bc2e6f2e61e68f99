"""What gRPC holds of messages that have not come to their end, which nobody else can count."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Collection

from edgesegd.api.open_call import OpenCall
from edgesegd.board.allocator import resident_bytes

log = logging.getLogger(__name__)

CALM_SECONDS, LOOK_SECONDS = 0.1, 0.02
"""Memory tells nobody that it grows. So it is looked at again and again: seldom while the process
has grown by less than a quarter of what it may, for that is far from it."""
CALM_SHARE = 4
NO_MEMORY = "the daemon's memory is used up, and this call waited; open it again"
FREED_SECONDS = 1.0
"""For what was held of calls that are ended to be freed, before any single call is ended."""
NO_PROGRESS_SECONDS = 0.05
"""A call without a message for so long may be in the middle of a large one, or of none."""


class MemoryGuard:
    """Ends calls where this process has grown by `growth` bytes since it started to look.

    Of the address that has most calls, all that make no progress; then it looks again. A camera
    there that is idle at such a moment has to open its stream anew, but loses no frame.
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
        self._evicted = -math.inf

    async def run(self) -> None:
        """Look again and again, without end; nothing where it cannot be seen, as but for Linux."""
        try:
            start, grown = resident_bytes(), 0
        except (OSError, MemoryError) as error:  # such as a sandbox without /proc
            log.warning("memory is not watched: %s", error)
            return
        while True:
            calm = grown < self._growth // CALM_SHARE or not self._calls
            await asyncio.sleep(CALM_SECONDS if calm else LOOK_SECONDS)
            with contextlib.suppress(OSError, MemoryError):
                grown = self._look(start)

    def _look(self, start: int) -> int:
        """By how much the process has grown since it had `start` bytes, after what can be done."""
        grown = resident_bytes() - start
        if grown > self._growth and self._calls:
            self._give_back()
            grown = resident_bytes() - start
            if grown > self._growth:
                self._evict()
        return grown

    def _evict(self) -> None:
        now = time.monotonic()
        [(address, count)] = Counter(call.client[0] for call in self._calls).most_common(1)
        if count == 1 and now < self._evicted + FREED_SECONDS:
            return
        self._evicted = now
        log.warning("memory is used up: calls of %s are ended, which has %d", address, count)
        before = now - NO_PROGRESS_SECONDS
        for call in tuple(self._calls):
            if call.client[0] == address and call.progress < before:
                call.evict(NO_MEMORY)
                self._on_evicted()
