"""How much of what a process frees its C library keeps."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Callable
from functools import cache

ARENA_MAX = -8
"""A parameter of glibc's `mallopt`, from its malloc.h."""
TRIM_SECONDS = 4.0
"""From the use of memory until it is given back."""
TRIM_BYTES = 8 << 20
"""Over the least that the process ever had; less is not worth it."""
STATM = "/proc/self/statm"
"""Of proc(5): the second of its numbers are the pages that are in memory."""
MAX_STATM = 256


def use_one_arena() -> None:
    """For a process whose threads hand messages to each other; to be called before they start.

    glibc gives each thread an arena of its own, and what is freed stays in the one that it is of:
    with 32 streams gRPC's threads made that 5 MB. Does nothing without glibc.
    """
    if is_glibc():
        ctypes.CDLL(None).mallopt(ARENA_MAX, 1)


def is_glibc() -> bool:
    """Whether this process has the GNU C library: others have other parameters."""
    try:
        return "glibc" in (os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (ValueError, AttributeError, OSError):
        return False


class HeapTrimmer:
    """Gives memory that was freed back to the system, a while after it was `used`.

    glibc keeps it: after a burst of large frames hundreds of megabytes. So does Python while
    objects that refer to each other wait for its collector, which knows nothing of their size.
    `also` gives back what else there is.
    """

    def __init__(self, *, also: Callable[[], None]) -> None:
        self._also = also
        self._used = asyncio.Event()
        self._least = 0

    def used(self) -> None:
        """Memory was used that may be free now; costs nothing."""
        self._used.set()

    async def run(self) -> None:
        """Trim again and again, without end; at once where this is not Linux with glibc."""
        if not (is_glibc() and sys.platform == "linux"):
            return
        gc.freeze()  # what there is from the start need not be looked at each time
        try:
            self._least = resident_bytes()
        except (OSError, MemoryError):  # such as a sandbox without /proc
            return
        while True:
            await self._used.wait()
            self._used.clear()
            await asyncio.sleep(TRIM_SECONDS)
            self.trim()

    def trim(self) -> None:
        """Give back what is free.

        Where even that cannot be done, for there is no descriptor or no memory, it is left.
        """
        with contextlib.suppress(OSError, MemoryError):
            if resident_bytes() > self._least + TRIM_BYTES:
                self._also()
                gc.collect()
                ctypes.CDLL(None).malloc_trim(0)
                self._least = min(self._least, resident_bytes())


def resident_bytes() -> int:
    """The memory that this process has now; Linux only. Raises OSError."""
    pages = os.pread(_statm(), MAX_STATM, 0).split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@cache
def _statm() -> int:
    """Opened once: later there may be no descriptor left."""
    return os.open(STATM, os.O_RDONLY | os.O_CLOEXEC)
