"""The findings of a probe as the metrics show them."""

from __future__ import annotations

from collections.abc import Iterable

from edgesegd.observability.delegate_metrics import ProbedCandidate
from edgesegd.probe.report import Finding, is_right


def probed_candidates(findings: Iterable[Finding]) -> list[ProbedCandidate]:
    """What the metrics show of each finding, in the same order."""
    return [
        ProbedCandidate(
            delegate=each.delegate.name,
            threads=each.threads,
            verdict=each.verdict.value,
            passed=is_right(each),
            seconds=None if each.measured is None else each.measured.seconds_p50,
        )
        for each in findings
    ]
