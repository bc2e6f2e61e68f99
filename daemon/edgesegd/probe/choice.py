"""Chooses the delegates for a model on this board: the remembered ones, or by a probe."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self

from edgesegd.board.load import BoardLoad
from edgesegd.core.errors import DelegateFailed, StartupError
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.models.pair import ModelPair, is_compiled
from edgesegd.probe.candidates import Candidate, find_candidates
from edgesegd.probe.choice_store import ChoiceStore, StoredChoice, library_facts, machine_facts
from edgesegd.probe.delegate_log import DelegateLog
from edgesegd.probe.probe import Announce, probe
from edgesegd.probe.report import Finding, Verdict, choose, is_right, ranking
from edgesegd.probe.timing import Exclusive, already_exclusive

log = logging.getLogger(__name__)

STEP_SECONDS = 30.0
"""Timeout of each step of a trial, or more on a slow board."""
BUSY_CORES, LOAD_SECONDS = 0.25, 2.0
"""If other programs use more cores than this, on average of so many seconds, the board is busy."""


class PeakLoad:
    """The largest load by other programs within a block, as `cores` after it.

    A program that runs for a few seconds would not be seen in the average of a long probe.
    """

    def __init__(self) -> None:
        self.cores = 0.0

    async def __aenter__(self) -> Self:
        self._measuring = asyncio.create_task(self._measure())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._measuring.cancel()
        await asyncio.gather(self._measuring, return_exceptions=True)

    async def _measure(self) -> None:
        while True:
            begun, load = time.monotonic(), BoardLoad()
            try:
                await asyncio.sleep(LOAD_SECONDS)
            finally:
                if time.monotonic() - begun >= LOAD_SECONDS / 2:
                    self.cores = max(self.cores, load.cores)


class Chooser:
    """Chooses the delegates of a model by measurement; `store` keeps a choice.

    `extra` are delegates to try in addition to the known ones, written as for `--delegate`.
    `threads` is the configured number, 0 for the best one. Trials run in the `sandbox`
    that engines run in. The store is in `folder`.
    Candidates are timed within `exclusive`. `frames` returns how many frames were served so far. A
    delegate whose device is `in_use` cannot be tried. What is found is written to `delegate_log`.
    """

    def __init__(
        self,
        pair: ModelPair,
        *,
        runtime: str,
        threads: int,
        extra: tuple[str, ...],
        folder: Path,
        exclusive: Exclusive = already_exclusive,
        frames: Callable[[], int] = lambda: 0,
        in_use: Callable[[DelegateSpec], bool] = lambda _: False,
        step_seconds: float = STEP_SECONDS,
        sandbox: str = "auto",
        delegate_log: DelegateLog | None = None,
    ) -> None:
        self._pair = pair
        self._runtime = runtime
        self._threads = threads
        self._exclusive = exclusive
        self._frames = frames
        self._in_use = in_use
        self._step_seconds = step_seconds
        self._sandbox = sandbox
        self.log = delegate_log or DelegateLog()
        self._candidates = find_candidates(pair, extra)
        facts = machine_facts() | {
            "model": [each.sha256 for each in (pair.plain, pair.compiled) if each],
            "runtime": runtime,
            "threads": threads,
            "candidates": [[asdict(each.spec), each.absent] for each in self._candidates],
            "libraries": library_facts([each.spec for each in self._candidates]),
        }
        self.store = ChoiceStore(folder / "state", pair.served.sha256, facts)

    def remembered(self) -> StoredChoice | None:
        """The choice of an earlier probe; None if there is none that can be used.

        Only delegates that would be tried now are accepted, because a library must not be loaded
        only since a file names it.
        """
        found = self.store.load()
        if found is None:
            return None
        known = [each.spec for each in self._candidates if not each.absent]
        for delegate, _ in (*found.selection.ranking, *found.selection.extra):
            if delegate not in known:
                self.store.reason = (
                    f"{self.store.path} names {delegate.name}, which is not a candidate here"
                )
                return None
        return found

    def why_twin(self, findings: Sequence[Finding] = ()) -> str:
        """Why the twin of a model that is compiled for an Edge TPU has to run instead of it.

        "" if the model is not compiled, if a delegate can run it, or if that is not known yet.
        Candidates that are not in `findings` were not tried.
        """
        if self._pair.plain is None or not is_compiled(self._pair.served):
            return ""
        reasons = []
        for candidate in self._candidates:
            if self._pair.for_delegate(candidate.spec) is not self._pair.served:
                continue
            finding = next((each for each in findings if each.delegate == candidate.spec), None)
            reason = candidate.absent if finding is None else finding.reason
            if not reason or (finding is not None and is_right(finding)):
                return ""
            reasons.append(f"{candidate.spec.name}: {reason}")
        return "; ".join(reasons)

    @property
    def busy(self) -> list[DelegateSpec]:
        """The candidates that cannot be tried now, because an engine has their device."""
        return [
            each.spec for each in self._candidates if not each.absent and self._in_use(each.spec)
        ]

    async def choose(self) -> StoredChoice:
        """Probe now; the caller stores what it takes of it.

        Raises ModelUnsupported if nothing can run the model, DelegateFailed if the probe itself
        fails.
        """
        findings, disturbed = await self.find()
        self.log.probed(findings)
        return self.best_of(findings, disturbed)

    async def find(self, announce: Announce = lambda _: None) -> tuple[list[Finding], str]:
        """Probe; returns the findings, and what disturbed the measurement ("" for nothing).

        Raises like `choose`.
        """
        frames, busy = self._frames(), self.busy
        candidates = [
            replace(each, absent="an engine has its device") if each.spec in busy else each
            for each in self._candidates
        ]
        async with PeakLoad() as load:
            found = await self._try(candidates, self._threads, self._exclusive, announce)
        findings = choose(found)
        if busy:
            return findings, f"an engine had the device of {', '.join(each.name for each in busy)}"
        if self._frames() != frames:
            return findings, "frames were served meanwhile"
        if (cores := load.cores) > BUSY_CORES:
            return findings, f"other programs used {cores:.1f} cores meanwhile"
        return findings, ""

    def best_of(self, findings: Sequence[Finding], disturbed: str) -> StoredChoice:
        """The best of these findings; `disturbed` is what disturbed their measurement."""
        best_first = ranking(findings)
        extra = [each for each in best_first if each.verdict is Verdict.EXTRA]
        ranked = [each for each in best_first if each.verdict is not Verdict.EXTRA]
        on_cpu = any(each.delegate.is_cpu for each in ranked)
        last = () if on_cpu else ((DelegateSpec(), self._threads),)
        selection = Selection((*_choices(ranked), *last), _choices(extra))
        measured = ranked[0].measured if ranked else None
        seconds = 0.0 if measured is None else measured.seconds_p50
        return StoredChoice(selection, disturbed, seconds, tuple(findings))

    async def prove(self, choice: Choice) -> None:
        """Try one delegate again; raises DelegateFailed if its masks are not right."""
        delegate, threads = choice
        tried = [self._candidates[0], Candidate(delegate, delegate.name)]
        *_, finding = await self._try(tried, threads)
        if finding.verdict is not Verdict.SLOWER:
            raise DelegateFailed(finding.reason)

    async def _try(
        self,
        candidates: Sequence[Candidate],
        threads: int,
        exclusive: Exclusive = already_exclusive,
        announce: Announce = lambda _: None,
    ) -> list[Finding]:
        trying = probe(
            self._pair,
            candidates,
            runtime=self._runtime,
            threads=threads,
            seconds=self._step_seconds,
            sandbox=self._sandbox,
            exclusive=exclusive,
            announce=announce,
        )
        try:
            return [finding async for finding in trying]
        except OSError as error:  # no descriptor, no process
            raise DelegateFailed(f"the probe failed: {error}") from error
        except StartupError:
            raise
        except Exception as error:
            # Whatever happens in a probe, the daemon goes on.
            log.exception("a probe failed by a fault of the daemon")
            raise DelegateFailed("the probe failed by a fault of the daemon") from error


def _choices(findings: Sequence[Finding]) -> tuple[Choice, ...]:
    return tuple(
        (finding.delegate, finding.measured.threads)
        for finding in findings
        if finding.measured is not None
    )
