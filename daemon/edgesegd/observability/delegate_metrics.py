"""The Prometheus metrics of what is known of each model's delegates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.observability.series import Series

CPU = "cpu"
"""The delegate that the others are compared with, so that it has no checks."""
CHECK_RESULTS = ("differs", "agrees")
"""The results of a comparison of a delegate's frame with the CPU's."""


@dataclass(frozen=True, slots=True)
class ProbedCandidate:
    """What a probe found out about a candidate.

    `verdict` is one of docs/probe.md; it `passed` if its masks are right. The interpreter had so
    many `threads`, 0 if it was not tried. `seconds` is the median of its warm invokes; None if they
    were not timed.
    """

    delegate: str
    threads: int
    verdict: str
    passed: bool
    seconds: float | None


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
        candidate = ("model", "candidate", "delegate", "threads")
        self.probe_passed = Gauge(
            "edgeseg_probe_passed",
            "1 for each candidate of the probe that chose whose masks are right, 0 for the others.",
            [*candidate, "verdict"],
            registry=registry,
        )
        self.probe_seconds = Gauge(
            "edgeseg_probe_invoke_seconds",
            "Median time of a warm invoke of each candidate of the probe that chose.",
            candidate,
            registry=registry,
        )


class DelegateMetrics:
    """The series of the delegates of the model called `name`."""

    def __init__(self, families: DelegateFamilies, name: str) -> None:
        self._checks = Series(families.checks, name)
        self._agreement = Series(families.agreement, name)
        self._probe_passed = Series(families.probe_passed, name)
        self._probe_seconds = Series(families.probe_seconds, name)

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

    def probed(self, candidates: Iterable[ProbedCandidate]) -> None:
        """These candidates were tried for the choice that is in use; none if none was measured."""
        self._probe_passed.remove_all()
        self._probe_seconds.remove_all()
        for number, each in enumerate(candidates):
            labels = (str(number), each.delegate, str(each.threads))
            self._probe_passed[*labels, each.verdict].set(each.passed)
            if each.seconds is not None:
                self._probe_seconds[labels].set(each.seconds)

    def begin_version(self) -> None:
        """Another version of the model serves: the agreement was that of the one before."""
        self._agreement.remove_all()

    def end(self) -> None:
        """Remove all series for good: the model is no longer served."""
        for series in vars(self).values():
            series.end()
