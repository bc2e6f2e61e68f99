"""What front and engine hold at a moment of a soak, and how long a camera's frames take."""

from __future__ import annotations

import contextlib
import math
import re
import statistics
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.memory import resident

LEASED = re.compile(r"^edgeseg_shared_memory_bytes (\S+)$", re.MULTILINE)
MB = 1e6


@dataclass(frozen=True, slots=True)
class Reading:
    """Memory in MB, open descriptors, and latencies in ms of the time before; NaN if unknown.

    There may be no engine for a moment, after a fault.
    """

    minutes: float
    front_mb: float
    engine_mb: float
    front_descriptors: float
    engine_descriptors: float
    leased_mb: float
    p50_ms: float = math.nan
    p99_ms: float = math.nan


def read(daemon: LaunchedDaemon, minutes: float, latencies: list[float]) -> Reading:
    """What the daemon holds now, with the latencies of the time before in seconds."""
    page = urllib.request.urlopen(daemon.metrics_url, timeout=30).read().decode()  # noqa: S310 # ours
    leased = LEASED.search(page)
    front, engine = daemon.process.pid, daemon.engine_pid
    p50, p99 = _percentiles(latencies)
    return Reading(
        minutes=minutes,
        front_mb=_memory(front),
        engine_mb=_memory(engine),
        front_descriptors=_descriptors(front),
        engine_descriptors=_descriptors(engine),
        leased_mb=float(leased.group(1)) / MB if leased else math.nan,
        p50_ms=p50,
        p99_ms=p99,
    )


def _percentiles(latencies: list[float]) -> tuple[float, float]:
    if len(latencies) < 2:
        return math.nan, math.nan
    cuts = statistics.quantiles(latencies, n=100, method="inclusive")
    return 1000 * cuts[49], 1000 * cuts[98]


def _memory(pid: int | None) -> float:
    with contextlib.suppress(OSError, TypeError):
        return resident(pid) / MB
    return math.nan


def _descriptors(pid: int | None) -> float:
    with contextlib.suppress(OSError):
        return float(len(list(Path(f"/proc/{pid}/fd").iterdir())))
    return math.nan
