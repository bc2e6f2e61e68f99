"""Ends calls when gRPC holds too much memory of unfinished messages, which only the RSS shows."""

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
from edgesegd.core.errors import Overloaded
from edgesegd.scheduling.fair_limit import RETRY_AFTER

log = logging.getLogger(__name__)

CALM_SECONDS, CHECK_SECONDS = 0.1, 0.02
"""Seconds between two checks of the memory, because nothing notifies of its growth: the first while
the process has grown by less than a quarter of what it may, the second after that."""
CALM_SHARE = 4
NO_MEMORY = "the daemon's memory is used up, so it ended this call, which was idle; open it again"
FREED_SECONDS = 1.0
"""How long memory of ended calls may take to be freed, before a call that is alone is ended."""
NO_PROGRESS_SECONDS = 0.05
"""A call without a message for this long is idle, or in the middle of a large message."""


class MemoryGuard:
    """Ends calls when this process has grown by more than `growth` bytes since `run` began.

    It ends those calls of the address with the most calls that make no progress; then it checks
    again. A camera of that address that is idle at this moment must open its stream again, but
    loses no frame. `trim` returns freed memory to the system.
    """

    def __init__(
        self,
        calls: Collection[OpenCall],
        *,
        growth: int,
        trim: Callable[[], None],
        on_evicted: Callable[[], None],
    ) -> None:
        self._calls = calls
        self._growth = growth
        self._trim = trim
        self._on_evicted = on_evicted
        self._evicted = -math.inf
        self._is_short = False

    async def run(self) -> None:
        """Watch the memory forever; returns if it cannot be measured, as on other systems."""
        try:
            start, grown = resident_bytes(), 0
        except (OSError, MemoryError) as error:  # such as a sandbox without /proc
            log.warning("memory is not watched: %s", error)
            return
        while True:
            calm = grown < self._growth // CALM_SHARE or not self._calls
            await asyncio.sleep(CALM_SECONDS if calm else CHECK_SECONDS)
            with contextlib.suppress(OSError, MemoryError):
                grown = self._check(start)

    def _check(self, start: int) -> int:
        """Free memory if the process grew too much from `start` bytes; returns its growth."""
        grown = resident_bytes() - start
        if grown > self._growth and self._calls:
            self._trim()
            grown = resident_bytes() - start
            if grown > self._growth:
                self._evict()
                return grown
        if self._is_short and grown < self._growth:
            self._is_short = False
            log.info("there is memory again: no more calls are ended")
        return grown

    def _evict(self) -> None:
        now = time.monotonic()
        [(address, count)] = Counter(call.client[0] for call in self._calls).most_common(1)
        if count == 1 and now < self._evicted + FREED_SECONDS:
            return
        self._evicted, self._is_short = now, True
        log.warning(
            "memory is used up: ending idle calls of %s, which has %d calls", address, count
        )
        before = now - NO_PROGRESS_SECONDS
        for call in tuple(self._calls):
            if call.client[0] == address and call.progress < before:
                call.evict(Overloaded(NO_MEMORY, RETRY_AFTER))
                self._on_evicted()
