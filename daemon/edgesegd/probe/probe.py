"""Tries all candidates, and compares the time that each takes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass, replace

from edgesegd.board.threads import thread_cap
from edgesegd.core.errors import ModelInvalid, ModelUnsupported
from edgesegd.ipc.arena import anonymous_file
from edgesegd.ipc.trial_messages import TimedTrialResult, TrialOrder, TrialResult
from edgesegd.models.pair import ModelPair
from edgesegd.probe.candidates import Candidate
from edgesegd.probe.report import Finding, Verdict, best_on_cpu, judge
from edgesegd.probe.timing import Exclusive, InvokeTimes, PairedTimer, already_exclusive
from edgesegd.probe.trial import NothingToTry, Trial, TrialFailed
from edgesegd.probe.trial_timeout import CpuTrialTimeout, TrialTimeout

Announce = Callable[[Candidate], None]


async def probe(
    pair: ModelPair,
    candidates: Sequence[Candidate],
    *,
    runtime: str,
    threads: int,
    seconds: float,
    sandbox: str = "auto",
    exclusive: Exclusive = already_exclusive,
    announce: Announce = lambda _: None,
) -> AsyncIterator[Finding]:
    """Try each candidate; yields a finding for each. The first candidate must be the CPU.

    With `threads` 0 the CPU is tried with 1, 2 and more threads, with one finding for each number;
    the others are tried with the number that is best for the CPU. Trials run in the `sandbox` that
    engines run in. Invokes are timed within
    `exclusive`; each candidate's invokes alternate with those of the fastest CPU candidate so far.
    `seconds` is the timeout of each step of a trial; it grows if invokes are slow on this board.
    `announce` is called before each trial. Raises RuntimeMissing, ModelInvalid if the user must
    write into the sidecar what the values mean, and ModelUnsupported if there is no result of the
    CPU to compare with.
    """
    cpu, *others = candidates
    timer = PairedTimer(exclusive)
    try:
        with os.fdopen(anonymous_file(), "rb") as reference:
            runner = _TrialRunner(pair, runtime, sandbox, reference.fileno(), timer, announce)
            first = CpuTrialTimeout(seconds)
            on_cpu = [await runner.find(replace(cpu, threads=threads or 1), first)]
            if os.fstat(runner.reference).st_size == 0:
                raise ModelUnsupported(
                    f"the CPU cannot run {pair.cpu.path.name}, so there is nothing to compare "
                    f"delegates with: {on_cpu[0].reason}"
                )
            yield on_cpu[0]
            for count in () if threads else _more_threads(on_cpu[0]):
                again = CpuTrialTimeout(seconds, invoke_seconds=first.slowest_invoke)
                on_cpu.append(await runner.find(replace(cpu, threads=count), again))
                yield on_cpu[-1]
            best = best_on_cpu(on_cpu)
            for candidate in others:
                count = threads or (best.threads if best else 0)
                other = TrialTimeout(seconds, invoke_seconds=first.slowest_invoke)
                yield await runner.find(replace(candidate, threads=count), other)
    finally:
        await timer.close()


def _more_threads(first: Finding) -> range:
    """The numbers of threads to try after 1; the largest depends on the runtime."""
    runtime = first.measured.runtime if first.measured else ""
    return range(2, thread_cap(runtime) + 1)


@dataclass(frozen=True, slots=True)
class _TrialRunner:
    """Tries candidates with one model; `reference` is a file with the CPU's output.

    The file has no name: however the probe ends, nothing is left behind.
    """

    pair: ModelPair
    runtime: str
    sandbox: str
    reference: int
    timer: PairedTimer
    announce: Announce

    async def find(self, candidate: Candidate, timeout: TrialTimeout) -> Finding:  # noqa: ASYNC109 # of each step
        """Try a candidate; returns its finding.

        Raises ModelInvalid if the CPU finds that the model is not what its file seems to say.
        """
        spec, title = candidate.spec, candidate.title
        if candidate.absent:
            return Finding(spec, title, Verdict.ABSENT, candidate.absent)
        model = self.pair.for_delegate(spec)
        order = TrialOrder(
            model_path=str(model.path),
            model_sha256=model.sha256,
            runtime=self.runtime,
            delegate=spec,
            threads=candidate.threads,
            reference=self.reference,
            sandbox=self.sandbox,
        )
        self.announce(candidate)
        try:
            finding = judge(spec, title, await self._try(order, timeout))
        except NothingToTry as missing:
            finding = Finding(spec, title, Verdict.ABSENT, str(missing))
        except TrialFailed as failure:
            if spec.is_cpu and isinstance(failure.__cause__, ModelInvalid):
                raise failure.__cause__ from None
            finding = Finding(spec, title, Verdict.FAILED, str(failure))
        return replace(finding, model=order.model_path, threads=order.threads)

    async def _try(self, order: TrialOrder, timeout: TrialTimeout) -> TimedTrialResult:  # noqa: ASYNC109 # of each step
        """Run a trial and time it; the fastest CPU trial is kept running. Raises TrialFailed."""
        trial = await Trial.start(order, timeout=timeout)
        try:
            times = await self.timer.time(trial)
            if order.delegate.is_cpu:
                await self.timer.keep(trial, times)
            else:
                await trial.finish()
                await trial.close()
        except BaseException:
            await trial.close()
            raise
        return _timed(trial.result, times)


def _timed(result: TrialResult, times: InvokeTimes) -> TimedTrialResult:
    return TimedTrialResult(
        **asdict(result),
        seconds_p10=times.percentile(10),
        seconds_p50=times.percentile(50),
        seconds_p90=times.percentile(90),
        relative=times.relative,
    )
