"""Returns freed memory, which the C library keeps, to the system."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
from collections.abc import Callable
from functools import cache

from edgesegd.board.system import IS_LINUX, is_glibc

ARENA_MAX = -8
"""A parameter of glibc's `mallopt`, from its malloc.h."""
TRIM_SECONDS = 4.0
"""Delay from the use of memory until freed memory is returned."""
TRIM_BYTES = 8 << 20
"""Memory is trimmed if the process has this much more than its smallest size so far."""
STATM = "/proc/self/statm"
"""See proc(5): the second number is the resident pages."""
MAX_STATM = 256


def use_one_arena() -> None:
    """Let all threads allocate from one arena; call this before threads are started.

    glibc gives each thread its own arena, and freed memory stays in the arena that it came from.
    With 32 streams and gRPC's threads that was 5 MB. Does nothing without glibc.
    """
    if is_glibc():
        ctypes.CDLL(None).mallopt(ARENA_MAX, 1)


class HeapTrimmer:
    """Returns freed memory to the system, a while after memory was `used`.

    Otherwise glibc keeps it: hundreds of megabytes after a burst of large frames. Python also keeps
    objects that refer to each other until its garbage collector runs, which does not consider their
    size. `release_other` is called to return memory that neither of them manages.
    """

    def __init__(self, *, release_other: Callable[[], None]) -> None:
        self._release_other = release_other
        self._used = asyncio.Event()
        self._least = 0

    def used(self) -> None:
        """Note that memory was used and may be free now; this is fast."""
        self._used.set()

    async def run(self) -> None:
        """Trim after each use, forever; returns at once if this is not Linux with glibc."""
        if not (is_glibc() and IS_LINUX):
            return
        gc.freeze()  # the collector need not look at objects that exist from the start
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
        """Return freed memory to the system; errors, such as no free descriptor, are ignored."""
        with contextlib.suppress(OSError, MemoryError):
            if resident_bytes() > self._least + TRIM_BYTES:
                self._release_other()
                gc.collect()
                ctypes.CDLL(None).malloc_trim(0)
                self._least = min(self._least, resident_bytes())


def resident_bytes() -> int:
    """The resident memory of this process, in bytes; Linux only. Raises OSError."""
    pages = os.pread(_statm(), MAX_STATM, 0).split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@cache
def _statm() -> int:
    """The open file, opened only once, because later no descriptor may be free."""
    return os.open(STATM, os.O_RDONLY | os.O_CLOEXEC)
