"""What Prometheus sees of the daemon as a whole."""

from __future__ import annotations

import platform
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from edgesegd.version import __version__

LIMITS = (
    *("calls", "streams", "frames", "results", "memory", "shared_memory"),
    "registrations",
)
"""What clients share; docs/limits.md tells of each."""


class Metrics:
    """The series of one daemon that no model has a part in, in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._limits = Counter(
            "edgeseg_limits_met",
            "Times that something was refused, or a call ended, for a limit was met.",
            ["limit"],
            registry=registry,
        )
        for limit in LIMITS:  # series that alerts watch exist before the first event
            self._limits.labels(limit)
        Gauge(
            "edgeseg_build_info",
            "The daemon that runs.",
            ["version", "python"],
            registry=registry,
        ).labels(__version__, platform.python_version()).set(1)
        ProcessCollector(registry=registry)

    def watch(
        self,
        *,
        calls: Callable[[], int],
        held: Callable[[], int],
        shared_memory: Callable[[], int],
        engine_pid: Callable[[], int | None],
    ) -> None:
        """Read these whenever the page is asked for; `engine_pid` is of the default model."""
        for name, text, value in (
            ("calls", "Calls that are open, whatever they are for.", calls),
            (
                "held_bytes",
                "Bytes of frames that wait and of results that are not read yet.",
                held,
            ),
            ("shared_memory_bytes", "Memory that is lent to clients on this board.", shared_memory),
        ):
            Gauge(f"edgeseg_{name}", text, registry=self.registry).set_function(value)
        ProcessCollector(
            namespace="edgeseg_engine", pid=lambda: engine_pid() or -1, registry=self.registry
        )

    def limit_met(self, limit: str) -> None:
        """Something was refused, or a call was ended."""
        self._limits.labels(limit).inc()
