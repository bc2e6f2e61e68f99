"""Trying all candidates, one after another."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from edgesegd.core.errors import ModelUnsupported
from edgesegd.core.model.spec import ModelSpec
from edgesegd.core.trial import TrialOrder
from edgesegd.probe.candidates import Candidate
from edgesegd.probe.report import Finding, Verdict, judge
from edgesegd.probe.trial import NothingToTry, TrialFailed, try_delegate


async def probe(
    model: ModelSpec,
    candidates: Sequence[Candidate],
    *,
    runtime: str,
    threads: int,
    seconds: float,
) -> AsyncIterator[Finding]:
    """A finding for each candidate, as it is made; the first must be the CPU.

    `seconds` is the deadline of each. Raises ModelUnsupported where there is no CPU result to
    compare with: of a model that is compiled for an accelerator, its twin must be probed.
    """
    with tempfile.TemporaryDirectory(prefix="edgeseg-probe-") as folder:
        reference = Path(folder) / "cpu.npy"
        for candidate in candidates:
            order = TrialOrder(str(model.path), runtime, candidate.spec, threads, str(reference))
            yield await _find(candidate, order, seconds)
            if not reference.exists():
                raise ModelUnsupported(
                    f"the CPU does not run {model.path.name}, so nothing can be compared with it"
                )


async def _find(candidate: Candidate, order: TrialOrder, seconds: float) -> Finding:
    spec, title = candidate.spec, candidate.title
    if candidate.absent:
        return Finding(spec, title, Verdict.ABSENT, candidate.absent)
    try:
        measured = await try_delegate(order, seconds=seconds)
    except NothingToTry as missing:
        return Finding(spec, title, Verdict.ABSENT, str(missing))
    except TrialFailed as failure:
        return Finding(spec, title, Verdict.FAILED, str(failure))
    return judge(spec, title, measured)
