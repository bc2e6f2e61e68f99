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
class EngineReading:
    """Memory in MB and open descriptors of an engine."""

    pid: int
    mb: float
    descriptors: float


@dataclass(frozen=True, slots=True)
class Reading:
    """Memory in MB, open descriptors, and latencies in ms of the time before; NaN if unknown.

    The oldest engine is the first of `engines`. There may be none for a moment, after a fault.
    """

    minutes: float
    front_mb: float
    front_descriptors: float
    leased_mb: float
    engines: tuple[EngineReading, ...] = ()
    p50_ms: float = math.nan
    p99_ms: float = math.nan

    @property
    def engine_mb(self) -> float:
        """Of the oldest engine."""
        return self.engines[0].mb if self.engines else math.nan

    @property
    def engine_descriptors(self) -> float:
        """Of the oldest engine."""
        return self.engines[0].descriptors if self.engines else math.nan


def read(daemon: LaunchedDaemon, minutes: float, latencies: list[float]) -> Reading:
    """What the daemon holds now, with the latencies of the time before in seconds."""
    page = urllib.request.urlopen(daemon.metrics_url, timeout=30).read().decode()  # noqa: S310 # ours
    leased = LEASED.search(page)
    front = daemon.process.pid
    engines = (EngineReading(pid, _memory(pid), _descriptors(pid)) for pid in daemon.engine_pids)
    p50, p99 = _percentiles(latencies)
    return Reading(
        minutes=minutes,
        front_mb=_memory(front),
        front_descriptors=_descriptors(front),
        leased_mb=float(leased.group(1)) / MB if leased else math.nan,
        engines=tuple(each for each in engines if each.mb > 0),
        p50_ms=p50,
        p99_ms=p99,
    )


def _percentiles(latencies: list[float]) -> tuple[float, float]:
    if len(latencies) < 2:
        return math.nan, math.nan
    cuts = statistics.quantiles(latencies, n=100, method="inclusive")
    return 1000 * cuts[49], 1000 * cuts[98]


def _memory(pid: int) -> float:
    with contextlib.suppress(OSError, IndexError):  # it has ended
        return resident(pid) / MB
    return math.nan


def _descriptors(pid: int) -> float:
    with contextlib.suppress(OSError):
        return float(len(list(Path(f"/proc/{pid}/fd").iterdir())))
    return math.nan
