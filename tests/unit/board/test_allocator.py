"""What one thread freed another one uses."""

from __future__ import annotations

import asyncio
import errno
import gc
import subprocess
import sys

import pytest

from edgesegd.board import allocator
from edgesegd.board.system import is_glibc

CHILD = """
import sys
import threading
from edgesegd.board import allocator

if sys.argv[1] == "one":
    allocator.use_one_arena()
barrier = threading.Barrier(8)

def hold():
    barrier.wait()
    held = [bytes(5_000) for _ in range(100)]
    barrier.wait()

threads = [threading.Thread(target=hold) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
# An arena is in a mapping of its own, which is 64 MB wide at most and begins with a page in use.
with open("/proc/self/maps") as maps:
    lines = [line.split() for line in maps]
reserved = [line for line in lines if line[1] == "---p" and len(line) == 5]
print(len(reserved))
"""


def reserved_after_threads(arenas: str) -> int:
    """Mappings whose larger part is kept for what threads may yet need."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, arenas], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not is_glibc(), reason="only glibc has arenas")
def test_threads_share_one_arena_of_the_allocator() -> None:
    assert reserved_after_threads("as ever") - reserved_after_threads("one") >= 2


async def test_memory_is_trimmed_again_after_a_time_in_which_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if no descriptor is free to read the size of the memory."""
    looked = asyncio.Event()

    def fail() -> int:
        looked.set()
        raise OSError(errno.EMFILE, "Too many open files")

    given_back = asyncio.Event()
    monkeypatch.setattr(allocator, "TRIM_SECONDS", 0.01)
    trimmer = allocator.HeapTrimmer(release_other=given_back.set)
    running = asyncio.create_task(trimmer.run())
    await asyncio.sleep(0)
    monkeypatch.setattr(allocator, "resident_bytes", fail)
    trimmer.used()
    await looked.wait()
    monkeypatch.setattr(allocator, "resident_bytes", lambda: 1 << 40)
    trimmer.used()
    await given_back.wait()
    running.cancel()
    gc.unfreeze()
