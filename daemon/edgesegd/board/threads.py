"""How many threads an interpreter may have on this machine."""

from __future__ import annotations

import os

MAX_THREADS = 4
"""More brought nothing on small models; boards with more cores have slow ones among them."""

LARGEST_THREADS = 256
"""More than that are a slip."""

MIN_CORES_TO_SPARE_ONE = 3
"""With fewer, a core for the front alone would cost the model half of what there is."""

USES_ALL_OF_FEW_CORES = "ai-edge-litert"
"""The runtime that shares a core with the front without harm."""


def thread_cap(runtime: str) -> int:
    """The most threads that make sense with a runtime, by its name, with its version or without.

    One core is left to the front. tflite-runtime needs that even where there are two: it collapses
    (20 times slower) when another process wants the core of one of its threads. A runtime that is
    not known is treated like that too.
    """
    cores = count_cores()
    shares = runtime.startswith(USES_ALL_OF_FEW_CORES) and cores < MIN_CORES_TO_SPARE_ONE
    return max(1, min(MAX_THREADS, cores if shares else cores - 1))


def count_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
