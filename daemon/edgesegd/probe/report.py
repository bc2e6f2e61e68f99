"""The findings of a probe, and the choice from them; docs/probe.md describes their JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from edgesegd.delegates.spec import DelegateSpec
from edgesegd.ipc.trial_messages import MAX_DEVIATION, SOFTWARE_ADAPTER, TimedTrialResult

MIN_AGREEMENT = 0.99
"""Share of pixels whose class must be the CPU's."""

WORTH_MORE_THREADS = 1.05
"""Fewer CPU threads are preferred if they take at most this many times as long as the fastest."""


class Verdict(StrEnum):
    """The verdict on a candidate."""

    CHOSEN = "chosen"
    EXTRA = "extra"
    SLOWER = "slower"
    WRONG = "wrong"
    SOFTWARE = "software"
    FAILED = "failed"
    ABSENT = "absent"


RIGHT = {Verdict.CHOSEN, Verdict.EXTRA, Verdict.SLOWER}
"""The verdicts on candidates that agree with the CPU."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One candidate: the verdict, the reason, and what was measured, if its trial was complete.

    `model` is the file that it ran, `threads` the number of threads; "" and 0 if it was not tried.
    """

    delegate: DelegateSpec
    title: str
    verdict: Verdict
    reason: str
    measured: TimedTrialResult | None = None
    model: str = ""
    threads: int = 0

    def __str__(self) -> str:
        """Its name in a sentence; with threads for the CPU, which has several findings."""
        if not self.delegate.is_cpu or not self.threads:
            return self.delegate.name
        return f"{self.delegate.name} with {count_threads(self.threads)}"

    def to_json(self) -> dict[str, Any]:
        """The finding as `edgesegd probe --json` prints it."""
        return asdict(self)


def count_threads(threads: int) -> str:
    """The number of threads, with its noun."""
    return "1 thread" if threads == 1 else f"{threads} threads"


def judge(delegate: DelegateSpec, title: str, measured: TimedTrialResult) -> Finding:
    """Judge whether a delegate that ran is right; speeds are compared later."""
    if SOFTWARE_ADAPTER in measured.adapter.lower():
        reason = f"no GPU, but a software Vulkan adapter: {measured.adapter}"
        return Finding(delegate, title, Verdict.SOFTWARE, reason, measured)
    if not measured.finite:
        reason = "outputs values that are not finite"
    elif measured.agreement < MIN_AGREEMENT:
        reason = f"agrees on {measured.agreement:.2%} of pixels, {MIN_AGREEMENT:.0%} needed"
    elif measured.deviation is not None and measured.deviation > MAX_DEVIATION:
        reason = (
            f"values are off by {measured.deviation:.2f} standard deviations, "
            f"{MAX_DEVIATION:g} are allowed"
        )
    else:
        return Finding(delegate, title, Verdict.SLOWER, "", measured)
    return Finding(delegate, title, Verdict.WRONG, reason, measured)


def choose(findings: Iterable[Finding]) -> list[Finding]:
    """Choose the fastest right candidate, the first of equals; returns the updated findings.

    Of the CPU's findings only the best can be chosen. Candidates that differ from the chosen one
    only in their device get the verdict EXTRA, however fast they are.
    """
    listed = list(findings)
    cpu = best_on_cpu(listed)
    able = [each for each in listed if is_right(each) and (each is cpu or not is_cpu(each))]
    if not able:
        return listed
    best = min(able, key=duration)
    ranked = (_with_rank(each, best, cpu) if is_right(each) else each for each in listed)
    return [_with_fallback(each) for each in ranked]


def ranking(findings: Iterable[Finding]) -> list[Finding]:
    """The candidates to serve with, in the order in which to try them: fastest first.

    Wrong ones, and those that are not faster than the best of the CPU's, are left out. The best of
    the CPU's is last.
    """
    right = [each for each in findings if is_right(each)]
    cpu = best_on_cpu(right)
    limit = float("inf") if cpu is None else duration(cpu)
    faster = [each for each in right if not is_cpu(each) and duration(each) < limit]
    return [*sorted(faster, key=duration), *([cpu] if cpu else [])]


def best_on_cpu(findings: Iterable[Finding]) -> Finding | None:
    """The right CPU finding with the fewest threads that is not much slower than the fastest.

    Fewer threads leave more of the cores to the front. None if none is right.
    """
    right = [each for each in findings if is_cpu(each) and is_right(each)]
    if not right:
        return None
    limit = min(map(duration, right)) * WORTH_MORE_THREADS
    return min((each for each in right if duration(each) <= limit), key=lambda each: each.threads)


def is_right(finding: Finding) -> bool:
    """Whether a candidate agrees with the CPU."""
    return finding.verdict in RIGHT


def is_cpu(finding: Finding) -> bool:
    """Whether a finding is one of the CPU's."""
    return finding.delegate.is_cpu


def duration(finding: Finding) -> float:
    """The time of a warm invoke, as a ratio to that of the first candidate."""
    return float("inf") if finding.measured is None else finding.measured.relative


def _with_fallback(finding: Finding) -> Finding:
    """A finding whose reason also says why the CPU ran without XNNPACK."""
    fallback = "" if finding.measured is None else finding.measured.fallback
    reasons = [each for each in (finding.reason, fallback) if each]
    return replace(finding, reason="; ".join(reasons)) if fallback else finding


def _with_rank(finding: Finding, best: Finding, cpu: Finding | None) -> Finding:
    """A right finding with its verdict; findings of the CPU are compared with each other."""
    if finding is best:
        return replace(finding, verdict=Verdict.CHOSEN, reason="the fastest of those that agree")
    if is_cpu(finding) and cpu is not None and finding is not cpu:
        best = cpu
    factor = duration(finding) / duration(best)
    slower = f"takes {factor:.2f} times as long as {best}"
    if finding.delegate.is_another_device_than(best.delegate):
        reason = f"another device of the same kind: can serve together with {best}; {slower}"
        return replace(finding, verdict=Verdict.EXTRA, reason=reason)
    if best is cpu and is_cpu(finding) and factor < 1:
        slower += ", which leaves more cores to everything else"
    return replace(finding, verdict=Verdict.SLOWER, reason=slower)
