"""The Prometheus metrics of what is known of each model's delegates."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.observability.series import Series

CPU = "cpu"
"""The delegate that the others are compared with, so that it has no checks."""
CHECK_RESULTS = ("differs", "agrees")
"""The results of a comparison of a delegate's frame with the CPU's."""


class DelegateFamilies:
    """The metrics that have series for each model and delegate, in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.checks = Counter(
            "edgeseg_delegate_checks",
            "Frames of a delegate that the CPU ran too, by whether their masks and values agree.",
            ["model", "delegate", "result"],
            registry=registry,
        )
        self.agreement = Gauge(
            "edgeseg_delegate_agreement_ratio",
            "Share of the pixels of the newest such frame that had the CPU's class.",
            ["model", "delegate"],
            registry=registry,
        )


class DelegateMetrics:
    """The series of the delegates of the model called `name`."""

    def __init__(self, families: DelegateFamilies, name: str) -> None:
        self._checks = Series(families.checks, name)
        self._agreement = Series(families.agreement, name)

    def serve(self, delegates: Iterable[str]) -> None:
        """Engines with these delegates are ready, and may be checked from now on."""
        for delegate in delegates:
            if delegate != CPU:
                for result in CHECK_RESULTS:
                    self._checks[delegate, result].inc(0)

    def checked(self, delegate: str, check: DelegateCheck) -> None:
        """A frame of a delegate was compared with the CPU."""
        self._checks[delegate, CHECK_RESULTS[check.agrees]].inc()
        self._agreement[(delegate,)].set(check.agreement)

    def begin_version(self) -> None:
        """Another version of the model serves: what was found of the one before is not shown."""
        self._agreement.remove_all()

    def end(self) -> None:
        """Remove all series for good: the model is no longer served."""
        for series in vars(self).values():
            series.end()
