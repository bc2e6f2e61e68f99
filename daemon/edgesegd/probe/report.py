"""What a probe found; its JSON is described in docs/probe.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from edgesegd.core.delegates.spec import DelegateSpec
from edgesegd.core.trial import LARGEST_DEVIATION, SOFTWARE_ADAPTER, Measured

LEAST_AGREEMENT = 0.99
"""Share of pixels whose class must be the CPU's."""


class Verdict(StrEnum):
    """What became of a candidate."""

    CHOSEN = "chosen"
    SLOWER = "slower"
    WRONG = "wrong"
    SOFTWARE = "software"
    FAILED = "failed"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Finding:
    """One candidate: the verdict, a sentence why, and what was measured where it came so far."""

    delegate: DelegateSpec
    title: str
    verdict: Verdict
    reason: str
    measured: Measured | None = None

    def to_json(self) -> dict[str, Any]:
        """As `edgesegd probe --json` prints it."""
        return asdict(self)


def judge(delegate: DelegateSpec, title: str, measured: Measured) -> Finding:
    """Whether a delegate that ran is right; how fast it is, is compared later."""
    if SOFTWARE_ADAPTER in measured.adapter.lower():
        reason = f"no GPU, but a software Vulkan adapter: {measured.adapter}"
        return Finding(delegate, title, Verdict.SOFTWARE, reason, measured)
    if not measured.finite:
        reason = "gives values that are no numbers"
    elif measured.agreement < LEAST_AGREEMENT:
        reason = f"agrees on {measured.agreement:.2%} of pixels, {LEAST_AGREEMENT:.0%} needed"
    elif measured.deviation is not None and measured.deviation > LARGEST_DEVIATION:
        reason = (
            f"values are off by {measured.deviation:.2f} standard deviations, "
            f"{LARGEST_DEVIATION:g} are allowed"
        )
    else:
        return Finding(delegate, title, Verdict.SLOWER, "", measured)
    return Finding(delegate, title, Verdict.WRONG, reason, measured)


def choose(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, the fastest of those that are right chosen; the first of equals."""
    listed = list(findings)
    right = [finding for finding in listed if finding.verdict is Verdict.SLOWER]
    if not right:
        return listed
    best = min(right, key=median)
    return [_with_rank(finding, best) for finding in listed]


def ranking(findings: Iterable[Finding]) -> list[Finding]:
    """Those that are right and faster than the CPU, the fastest first, and then the CPU."""
    right = [each for each in findings if each.verdict in (Verdict.CHOSEN, Verdict.SLOWER)]
    right.sort(key=median)
    on_cpu = next((place for place, each in enumerate(right) if each.delegate.is_cpu), len(right))
    return right[: on_cpu + 1]


def median(finding: Finding) -> float:
    """Seconds of a warm invoke."""
    return float("inf") if finding.measured is None else finding.measured.seconds_p50


def _with_rank(finding: Finding, best: Finding) -> Finding:
    if finding is best:
        return replace(finding, verdict=Verdict.CHOSEN, reason="the fastest of those that agree")
    if finding.verdict is Verdict.SLOWER:
        factor = median(finding) / median(best)
        return replace(finding, reason=f"takes {factor:.2f} times as long as {best.delegate.name}")
    return finding
