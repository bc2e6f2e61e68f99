"""Checks whether a model runs here: on the CPU, in a separate process."""

from __future__ import annotations

from edgesegd.core.errors import ModelUnsupported
from edgesegd.models.pair import ModelPair
from edgesegd.probe.candidates import find_candidates
from edgesegd.probe.probe import probe

STEP_SECONDS = 30.0
"""Timeout of each step, or more on a slow board."""


async def check_model(pair: ModelPair, *, runtime: str, threads: int) -> float:
    """How many seconds an invoke takes on the CPU.

    The caller is safe from a model that crashes or hangs the runtime. Raises ModelUnsupported if
    the CPU cannot run it, and ModelInvalid if the user must write into the sidecar what the values
    mean.
    """
    cpu, *_ = find_candidates(pair, ())
    trials = probe(pair, [cpu], runtime=runtime, threads=threads or 1, seconds=STEP_SECONDS)
    async for finding in trials:
        if finding.measured is None:
            raise ModelUnsupported(f"the CPU cannot run {pair.cpu.path}: {finding.reason}")
        return finding.measured.seconds_p50
    raise ModelUnsupported(f"nothing can be tried with {pair.cpu.path}")
