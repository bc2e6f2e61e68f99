"""Several engines on the CPU, each with fewer threads, while many frames wait.

One engine with all cores has the lowest latency. Several engines with a core each have the higher
throughput, because their threads do not wait for each other at the end of each operator; but each
frame takes longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from edgesegd.board.threads import USEFUL_THREADS
from edgesegd.core.model import NO_MODEL, ModelIdentity
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.scheduling.cores import SHARED_SECONDS, Cores
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision.backoff import Backoff
from edgesegd.supervision.delegate_ranking import BlameFrame
from edgesegd.supervision.dispatcher import Dispatcher
from edgesegd.supervision.engine_observer import EngineObserver
from edgesegd.supervision.engine_process import EngineProcess
from edgesegd.supervision.replica_set import ReplicaSet

log = logging.getLogger(__name__)

MIN_REPLICAS = 2
SHRINK_SECONDS = 20.0
"""After what time with far fewer frames than replicas fewer of them are started, with more threads.
"""
LINGER_SECONDS = 60.0
"""How long idle replicas are kept: starting them takes a second of a core."""
FIRST_PAUSE, MAX_PAUSE = 5.0, 300.0
"""Seconds without replicas after they did not start, were lost, or were slower than the first
engine alone; doubled each time."""
RATE_SECONDS = 1.0
"""How long the first engine's frames are counted before replicas are started."""
WARM_SECONDS, PROOF_SECONDS = 1.0, 2.0
"""How long replicas run before their frames are counted, and how long these are counted."""
MAX_DELAY = 1.25
"""How many times as long as it should be a measurement may be, to count."""
MAX_MEASUREMENTS = 5
"""Then the last one counts, however long it was."""
FILLED = 0.95
"""Share of the measurement in which there must be frames for several replicas."""
WORTH = 0.95
"""Share of the first engine's frames per second; replicas that do less are not worth their memory.
"""
REPLAN_SECONDS, REPLAN_FACTOR = 5.0, 1.5
"""How often the number of frames is checked, and how many times the number of replicas it must be
for more replicas to be started."""


def plan_replicas(
    *, cores: int, threads: int, level: float, budget: int, each: int
) -> list[Choice]:
    """The engines on the CPU to start for `level` frames at a time; none if fewer than two fit.

    Their number is limited by the frames, by `cores`, and by how many engines of `each` bytes fit
    in a `budget` in bytes; there are none if `each` is 0, for unknown. Each has `threads` threads;
    with 0 they divide the cores equally.
    """
    useful = cores // (threads or 1)
    if useful < MIN_REPLICAS:
        return []
    if each <= 0:
        log.info("no several engines: the system does not report the memory of an engine")
        return []
    affordable = budget // each
    if affordable < MIN_REPLICAS:
        log.info(
            "not enough memory for several engines: each needs %d MB, together they may use %d MB",
            each >> 20,
            budget >> 20,
        )
        return []
    count = min(useful, affordable, max(MIN_REPLICAS, round(level)))
    return [(DelegateSpec(), threads or min(cores // count, USEFUL_THREADS))] * count


def replica_budget(free: int, running: int, each: int) -> int:
    """Half of the memory that is free without the replicas that are `running`, in bytes.

    So it does not change when replicas start, and their number does not either.
    """
    return (free + running * each) // 2


class ReplicaController:
    """Serves with replicas while there are frames for several engines most of the time.

    Replicas are started when they are needed. While they are `active` they take the frames, and the
    first engine must take none. They end after they were not needed for a while. If one is lost, or
    they do fewer frames per second than the first engine alone, all of them end and the first
    engine takes over at once. If there are many more or, for a while, far fewer frames than
    replicas, another number of them is started. While another model uses the cores too, no replicas
    are started, and those that run take no frames.

    `afford` returns the choices to start replicas with for a number of frames at a time, if a
    number of replicas run that they would replace; fewer than two if memory is short or replicas
    would not help. `blame_frame`, `answer_seconds` and `cores`
    are the Dispatcher's. Log records of lost replicas are about `model`.
    """

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        afford: Callable[[float, int], Sequence[Choice]],
        start_engine: Callable[[Choice], Awaitable[EngineProcess]],
        observe: Callable[[], EngineObserver],
        blame_frame: BlameFrame,
        answer_seconds: float,
        cores: Cores | None = None,
        model: ModelIdentity = NO_MODEL,
    ) -> None:
        self._model = model
        self._scheduler = scheduler
        self._afford = afford
        self._start_engine = start_engine
        self._observe = observe
        self._blame_frame = blame_frame
        self._answer_seconds = answer_seconds
        self._cores = cores or Cores()
        self._pause = Backoff(first=FIRST_PAUSE, maximum=MAX_PAUSE)
        self._of_use = True
        self._changed = asyncio.Event()
        self._activated = asyncio.Event()
        self._activations = 0
        self._is_retired = False
        self._is_serving = False
        self._ended = asyncio.Event()

    @property
    def active(self) -> bool:
        """Whether replicas take the frames."""
        return self._activated.is_set()

    def set_of_use(self, of_use: bool) -> None:
        """Set whether replicas help; they do not on an accelerator, which one engine can fill."""
        self._of_use = of_use
        self._changed.set()

    async def retire(self) -> None:
        """Start no more replicas, and wait until the frames in running ones are answered."""
        self._is_retired = True
        self._changed.set()
        if self._is_serving:
            await self._ended.wait()

    async def run(self) -> None:
        """Serve until cancelled."""
        self._scheduler.demand.on_change = self._changed.set
        unwatch = self._cores.watch(self._scheduler, self._changed.set)
        try:
            await self._start_when_needed()
        finally:
            unwatch()

    async def _start_when_needed(self) -> None:
        while True:
            while not self._is_needed():
                await self._change_within(SHARED_SECONDS if self._is_shared() else None)
            alone = await self._frames_a_second(RATE_SECONDS)
            if not self._is_needed():
                continue
            choices = self._afford(self._scheduler.demand.level, 0)
            if len(choices) >= MIN_REPLICAS and await self._serve_with(choices, alone):
                self._pause.reset()
            else:
                await asyncio.sleep(self._pause.next() or self._pause.next())

    def _is_needed(self) -> bool:
        return self._would_help() and not self._cores.is_shared_by(self._scheduler)

    def _is_shared(self) -> bool:
        """Whether replicas would help, if another model did not use the cores at the moment."""
        return self._would_help() and self._cores.is_shared_by(self._scheduler)

    def _would_help(self) -> bool:
        return self._of_use and self._scheduler.demand.several and not self._is_retired

    async def _serve_with(self, choices: Sequence[Choice], alone: float) -> bool:
        """Serve with replicas until they fail, are no longer needed, or more of them are needed.

        `alone` is how many frames per second the first engine did. Returns False if they failed.
        """
        replicas = ReplicaSet(
            choices,
            start_engine=self._start_engine,
            observe=self._observe,
            serve=self._serve,
            on_change=self._changed.set,
            model=self._model,
        )
        self._is_serving = True
        self._ended.clear()
        try:
            await self._manage(replicas, alone)
        finally:
            self._is_serving = False
            self._ended.set()
        return not replicas.failed

    async def _manage(self, replicas: ReplicaSet, alone: float) -> None:
        """Let `replicas` take the frames while they are needed."""
        clock = asyncio.get_running_loop().time
        last_needed = last_filled = clock()
        async with replicas, asyncio.TaskGroup() as group:
            proof = group.create_task(self._prove(replicas, alone))
            try:
                while not (replicas.failed or self._is_retired):
                    now, needed = clock(), self._is_needed()
                    last_needed = now if needed else last_needed
                    last_filled = last_filled if self._are_too_many(replicas) else now
                    if now >= last_needed + LINGER_SECONDS:
                        log.info("%d engines at a time are no longer needed", len(replicas))
                        break
                    if self._are_too_few(replicas) or now >= last_filled + SHRINK_SECONDS:
                        break
                    self._set_active(replicas if needed and replicas.all_ready else None)
                    pause = SHARED_SECONDS if self._is_shared() else REPLAN_SECONDS
                    left = last_needed + LINGER_SECONDS - now
                    await self._change_within(pause if self._would_help() else left)
            finally:
                proof.cancel()
                self._set_active(None)

    async def _serve(self, engine: EngineProcess) -> None:
        dispatcher = Dispatcher(
            engine,
            self._scheduler,
            ranked=None,
            blame_frame=self._blame_frame,
            may_take=lambda: self.active,
            answer_seconds=self._answer_seconds,
            predict=True,
            in_turn=True,
            cores=self._cores,
        )
        await dispatcher.run()

    async def _prove(self, replicas: ReplicaSet, alone: float) -> None:
        """End the replicas if they do fewer frames per second than the first engine alone."""
        while True:
            await self._activated.wait()
            activations = self._activations
            await asyncio.sleep(WARM_SECONDS)
            filled = -self._scheduler.demand.several_seconds
            together = await self._frames_a_second(PROOF_SECONDS)
            filled += self._scheduler.demand.several_seconds
            stayed = self.active and self._activations == activations
            if stayed and filled >= FILLED * PROOF_SECONDS:  # else fewer frames came
                break
        log.info("%d engines: %.1f frames/s; one engine: %.1f", len(replicas), together, alone)
        if together < WORTH * alone:
            replicas.fail(f"{together:.1f} frames/s, fewer than {alone:.1f} of one engine")

    def _are_too_few(self, replicas: ReplicaSet) -> bool:
        """Whether there are many more frames than replicas, and memory and cores for more."""
        level, count = self._scheduler.demand.level, len(replicas)
        grown = self.active and level > REPLAN_FACTOR * count
        return grown and len(self._afford(level, count)) > count

    def _are_too_many(self, replicas: ReplicaSet) -> bool:
        """Whether there are far fewer frames than replicas, which have few threads each."""
        level, count = self._scheduler.demand.level, len(replicas)
        fallen = self.active and level < count / REPLAN_FACTOR
        return fallen and MIN_REPLICAS <= len(self._afford(level, count)) < count

    async def _frames_a_second(self, seconds: float) -> float:
        """How many frames per second engines are given, measured over the next `seconds`.

        If this process was stopped for a part of them, as on a busy board, it is measured again.
        """
        loop, work_clock = asyncio.get_running_loop(), self._scheduler.work_clock
        for _ in range(MAX_MEASUREMENTS):
            frames, begun, ran_before = self._scheduler.frames, loop.time(), work_clock()
            await asyncio.sleep(seconds)
            elapsed, ran = loop.time() - begun, work_clock() - ran_before
            if elapsed < MAX_DELAY * seconds and ran > seconds / MAX_DELAY:
                break
        return (self._scheduler.frames - frames) / elapsed

    def _set_active(self, replicas: ReplicaSet | None) -> None:
        """Let `replicas` take the frames; with None, the first engine."""
        if (replicas is not None) is self.active:
            return
        if replicas is not None:
            log.info("several frames at a time: %d engines serve", len(replicas))
            self._activations += 1
            self._activated.set()
        else:
            log.info("few frames at a time: one engine serves")
            self._activated.clear()
        self._scheduler.wake()

    async def _change_within(self, seconds: float | None) -> bool:
        """Wait at most `seconds` for a change; whether there was one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        changed = self._changed.is_set()
        self._changed.clear()
        return changed
