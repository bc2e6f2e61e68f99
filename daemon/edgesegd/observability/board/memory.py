"""How much memory the board has, and how much of it is free."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from edgesegd.board.memory import read_memory


class MemoryCollector(Collector):
    """The memory of the machine, or what a cgroup allows of it, and what is free, if known."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families."""
        memory = read_memory()
        yield GaugeMetricFamily(
            "edgeseg_board_memory_bytes",
            "Memory of the board, or what a cgroup (systemd, a container) allows of it.",
            value=memory.size,
        )
        if memory.free is not None:
            yield GaugeMetricFamily(
                "edgeseg_board_memory_available_bytes",
                "Memory of the board that further processes could use.",
                value=memory.free,
            )
