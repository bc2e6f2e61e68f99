"""More engines beside the first, each with fewer threads, while many frames wait.

One engine with all cores has the next result soonest. Several with a core each do more frames a
second, for none waits for the others at the end of an operator; but each frame takes longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from edgesegd.board.threads import MAX_THREADS
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.scheduling.cores import Cores
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.supervision.backoff import Backoff
from edgesegd.supervision.dispatcher import Dispatcher
from edgesegd.supervision.engine_process import EngineProcess
from edgesegd.supervision.replica_set import ReplicaObserver, ReplicaSet

log = logging.getLogger(__name__)

MIN_REPLICAS = 2
LINGER_SECONDS = 60.0
"""Replicas that have nothing to do are kept for so long: starting them takes a second of a core."""
FIRST_PAUSE, MAX_PAUSE = 5.0, 300.0
"""Seconds without replicas after they could not be started, were lost or slower than the first
engine alone; doubled each time."""
RATE_SECONDS = 1.0
"""How long the first engine's frames are counted before replicas are started."""
SETTLE_SECONDS, PROOF_SECONDS = 1.0, 2.0
"""How long replicas run before theirs are counted, and how long these are."""
WORTH = 0.95
"""Of the frames a second of the first engine: with less they are not worth their memory."""
REPLAN_SECONDS, REPLAN_FACTOR = 5.0, 1.5
"""How often it is looked whether there are so many times as many frames as replicas."""


def plan_replicas(
    *, cores: int, threads: int, level: float, budget: int, each: int
) -> list[Choice]:
    """Engines of the CPU for `level` frames at a time; none where there would not even be two.

    As many as there are frames, as `cores` are enough for, and as fit in `budget`, of which `each`
    takes so much, both in bytes. They share the cores out, or have `threads` each where that is
    not 0.
    """
    useful, affordable = cores // (threads or 1), budget // max(each, 1)
    if useful < MIN_REPLICAS:
        return []
    if affordable < MIN_REPLICAS:
        log.info(
            "no memory for engines side by side: each takes %d MB, and they may have %d MB",
            each >> 20,
            budget >> 20,
        )
        return []
    count = min(useful, affordable, max(MIN_REPLICAS, round(level)))
    return [(DelegateSpec(), threads or min(cores // count, MAX_THREADS))] * count


class Replicas:
    """Has replicas take the frames while there are some for several engines most of the time.

    Then, while they are `active`, the first engine is to take none. They are started when they
    are needed, and end when they were not for a while. When one is lost, or they do fewer frames a
    second than the first engine alone, all end and that takes over at once. `afford` gives the
    choices to start them with for so many frames at a time: fewer than two where there is no memory
    for more, or they would bring nothing. `clear`, `answer_seconds` and `cores` are
    the Dispatcher's: while another model uses the cores too, none are started, and those that there
    are take no frames.
    """

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        afford: Callable[[float], Sequence[Choice]],
        start_engine: Callable[[Choice], Awaitable[EngineProcess]],
        observe: Callable[[], ReplicaObserver],
        clear: Callable[[Iterable[object], bool], None],
        answer_seconds: float,
        cores: Cores | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._afford = afford
        self._start_engine = start_engine
        self._observe = observe
        self._clear = clear
        self._answer_seconds = answer_seconds
        self._cores = cores or Cores()
        self._pause = Backoff(first=FIRST_PAUSE, longest=MAX_PAUSE)
        self._of_use = True
        self._changed = asyncio.Event()
        self._activated = asyncio.Event()
        self._activations = 0
        self._is_retired = False
        self._is_serving = False
        self._ended = asyncio.Event()

    @property
    def active(self) -> bool:
        """Whether they take the frames."""
        return self._activated.is_set()

    def set_of_use(self, of_use: bool) -> None:
        """Whether replicas bring anything; beside an accelerator, which one engine fills, none."""
        self._of_use = of_use
        self._changed.set()

    async def retire(self) -> None:
        """Start no more; until those that there are have answered the frames that they have."""
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
                wants = self._of_use and self._scheduler.demand.several
                await self._change_within(REPLAN_SECONDS if wants else None)
            alone = await self._frames_a_second(RATE_SECONDS)
            if not self._is_needed():
                continue
            choices = self._afford(self._scheduler.demand.level)
            if len(choices) >= MIN_REPLICAS and await self._serve_with(choices, alone):
                self._pause.reset()
            else:
                await asyncio.sleep(self._pause.next() or self._pause.next())

    def _is_needed(self) -> bool:
        return (
            self._of_use
            and self._scheduler.demand.several
            and not self._is_retired
            and not self._cores.is_shared_by(self._scheduler)
        )

    async def _serve_with(self, choices: Sequence[Choice], alone: float) -> bool:
        """Until they were not needed for a while, or more are, or they failed; whether not that.

        `alone` is how many frames a second the first engine did.
        """
        replicas = ReplicaSet(
            choices,
            start_engine=self._start_engine,
            observe=self._observe,
            serve=self._serve,
            on_change=self._changed.set,
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
        """Have them take the frames while they are needed."""
        async with replicas, asyncio.TaskGroup() as group:
            proof = group.create_task(self._prove(replicas, alone))
            try:
                while not (replicas.failed or self._is_retired or self._more_would_serve(replicas)):
                    needed = self._is_needed()
                    self._set_active(replicas if needed and replicas.all_ready else None)
                    changed = await self._change_within(
                        REPLAN_SECONDS if needed else LINGER_SECONDS
                    )
                    if not (changed or needed):
                        log.info("%d engines side by side are not needed any more", len(replicas))
                        break
            finally:
                proof.cancel()
                self._set_active(None)

    async def _serve(self, engine: EngineProcess, note: object, until: asyncio.Event) -> None:
        dispatcher = Dispatcher(
            engine,
            self._scheduler,
            name=note,
            clear=self._clear,
            may_take=lambda: self.active,
            answer_seconds=self._answer_seconds,
            foresee=True,
            in_turn=True,
            cores=self._cores,
        )
        await dispatcher.run(until)

    async def _prove(self, replicas: ReplicaSet, alone: float) -> None:
        """End them where they do fewer frames a second than the first engine alone."""
        while True:
            await self._activated.wait()
            activations = self._activations
            await asyncio.sleep(SETTLE_SECONDS)
            together = await self._frames_a_second(PROOF_SECONDS)
            if self.active and self._activations == activations:
                break
        log.info(
            "%d engines side by side: %.1f frames/s, one: %.1f", len(replicas), together, alone
        )
        if together < WORTH * alone:
            replicas.fail(f"{together:.1f} frames/s, fewer than the {alone:.1f} of one alone")

    def _more_would_serve(self, replicas: ReplicaSet) -> bool:
        """Whether there are many more frames at a time, and means for them."""
        level = self._scheduler.demand.level
        grown = self.active and level > REPLAN_FACTOR * len(replicas)
        return grown and len(self._afford(level)) > len(replicas)

    async def _frames_a_second(self, seconds: float) -> float:
        """That engines are given in the next so many seconds."""
        loop = asyncio.get_running_loop()
        frames, begun = self._scheduler.frames, loop.time()
        await asyncio.sleep(seconds)
        return (self._scheduler.frames - frames) / (loop.time() - begun)

    def _set_active(self, replicas: ReplicaSet | None) -> None:
        """Have these take the frames, or else the first engine."""
        if (replicas is not None) is self.active:
            return
        if replicas is not None:
            log.info("several frames at a time: %d engines side by side", len(replicas))
            self._activations += 1
            self._activated.set()
        else:
            log.info("few frames at a time: one engine")
            self._activated.clear()
        self._scheduler.wake()

    async def _change_within(self, seconds: float | None) -> bool:
        """Whether something changes in that time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        changed = self._changed.is_set()
        self._changed.clear()
        return changed
