"""Registers what is known of the board."""

from __future__ import annotations

import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from edgesegd.observability.board.cpu_frequency import CpuFrequencyCollector
from edgesegd.observability.board.memory import MemoryCollector
from edgesegd.observability.board.temperature import TemperatureCollector
from edgesegd.observability.board.throttling import ThrottlingCollector

SYS = Path("/sys")


def register_board(registry: CollectorRegistry, sys: Path = SYS) -> None:
    """Add the board's clock, its memory, and its sensors below `sys`, to `registry`."""
    Gauge(
        "edgeseg_board_time_seconds",
        "The board's clock, in seconds since 1970.",
        registry=registry,
    ).set_function(time.time)
    for collector in (TemperatureCollector, CpuFrequencyCollector, ThrottlingCollector):
        registry.register(collector(sys))
    registry.register(MemoryCollector())
