"""The Prometheus metrics of the daemon as a whole."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from edgesegd.observability.engine_processes import EngineProcessCollector, RunningEngine
from edgesegd.version import __version__

LIMITS = (
    *("calls", "streams", "frames", "results", "memory", "shared_memory"),
    *("registrations", "connections", "resets"),
    *("quota_streams", "quota_frames", "quota_bytes", "quota_priority", "quota_models"),
)
"""The limits that clients share, and those of a quota; docs/limits.md describes each."""


REFUSALS = ("unauthenticated", "forbidden")
"""Why calls are refused: no valid token, or one that is not for the method."""


def leave_out_created_series() -> None:
    """Leave out of all pages when each series began (`_created`), which Prometheus does not use.

    They are a seventh of a page. Client libraries of before 2023 cannot leave them out.
    """
    leave_out = getattr(prometheus_client, "disable_created_metrics", None)
    if leave_out is not None:
        leave_out()


class Metrics:
    """The series of one daemon that do not belong to a model, in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._limits = Counter(
            "edgeseg_limits_met",
            "Times that something was refused or delayed, or a call ended, at a limit.",
            ["limit"],
            registry=registry,
        )
        for limit in LIMITS:  # series that alerts watch exist before the first event
            self._limits.labels(limit)
        self._refused = Counter(
            "edgeseg_calls_refused",
            "Calls and requests for metrics without a token that is valid for them.",
            ["reason"],
            registry=registry,
        )
        for reason in REFUSALS:
            self._refused.labels(reason)
        Gauge(
            "edgeseg_build_info",
            "Version of the daemon and of Python.",
            ["version", "python"],
            registry=registry,
        ).labels(__version__, platform.python_version()).set(1)
        ProcessCollector(registry=registry)

    def watch(
        self,
        *,
        calls: Callable[[], int],
        peers: Callable[[], int],
        held: Callable[[], int],
        shared_memory: Callable[[], int],
        engines: Callable[[], Iterable[RunningEngine]],
    ) -> None:
        """Read these at each scrape; `engines` are those of all models that are ready."""
        for name, text, value in (
            ("calls", "Open calls of any kind.", calls),
            ("peers", "Addresses with open calls; Unix sockets are one.", peers),
            ("held_bytes", "Bytes of waiting frames and of unread results.", held),
            ("shared_memory_bytes", "Memory leased to clients on this board.", shared_memory),
        ):
            Gauge(f"edgeseg_{name}", text, registry=self.registry).set_function(value)
        self.registry.register(EngineProcessCollector(engines))

    def watch_certificate(self, expires: Callable[[], float]) -> None:
        """Read at each scrape when the certificate expires, in seconds since 1970."""
        Gauge(
            "edgeseg_certificate_expiry_timestamp_seconds",
            "When the certificate that is in force expires, in seconds since 1970.",
            registry=self.registry,
        ).set_function(expires)

    def call_refused(self, reason: str) -> None:
        """Count a call or a request for metrics that was refused, by one of REFUSALS."""
        self._refused.labels(reason).inc()

    def limit_met(self, limit: str) -> None:
        """Count something that was refused or delayed, or a call that was ended, at a limit."""
        self._limits.labels(limit).inc()
