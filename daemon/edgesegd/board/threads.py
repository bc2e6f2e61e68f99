"""How many threads an interpreter may have on this machine."""

from __future__ import annotations

import os

USEFUL_THREADS = 4
"""More did not help with small models, and on boards with more cores some of these are slow."""

MAX_THREADS = 256
"""A larger number is taken for a mistake."""

MIN_CORES_TO_SPARE_ONE = 3
"""With fewer cores, a core for the front alone would take half of them from the model."""

USES_ALL_OF_FEW_CORES = "ai-edge-litert"
"""The runtime that shares a core with the front without harm."""


def thread_cap(runtime: str) -> int:
    """The largest useful number of threads for a runtime, given by name, with or without version.

    One core is left to the front. tflite-runtime needs that even if there are only two cores: it is
    20 times slower if another process uses the core of one of its threads. An unknown runtime is
    treated in the same way.
    """
    cores = count_cores()
    shares = runtime.startswith(USES_ALL_OF_FEW_CORES) and cores < MIN_CORES_TO_SPARE_ONE
    return max(1, min(USEFUL_THREADS, cores if shares else cores - 1))


def count_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
