"""Whether a model runs here at all: on the CPU, in a process of its own."""

from __future__ import annotations

from edgesegd.core.errors import ModelUnsupported
from edgesegd.models.pair import ModelPair
from edgesegd.probe.candidates import find_candidates
from edgesegd.probe.probe import probe

STEP_SECONDS = 30.0
"""How long each step may be silent, at least."""


async def check_model(pair: ModelPair, *, runtime: str, threads: int) -> float:
    """How many seconds an invoke takes on the CPU.

    A model that crashes or hangs the runtime harms nobody. Raises ModelUnsupported where the CPU
    does not run it.
    """
    cpu, *_ = find_candidates(pair, ())
    trials = probe(pair, [cpu], runtime=runtime, threads=threads or 1, seconds=STEP_SECONDS)
    async for finding in trials:
        if finding.measured is None:
            raise ModelUnsupported(f"the CPU does not run {pair.cpu.path}: {finding.reason}")
        return finding.measured.seconds_p50
    raise ModelUnsupported(f"nothing can be tried with {pair.cpu.path}")
