"""More engines beside the first, each with fewer threads, while many frames wait.

One engine with all cores has the next result soonest. Several with a core each do more frames a
second, for none waits for the others at the end of an operator; but each frame takes longer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from edgesegd.core.delegates.spec import Choice, DelegateSpec
from edgesegd.core.errors import StartupError
from edgesegd.link.backoff import Backoff
from edgesegd.link.dispatcher import Dispatcher
from edgesegd.link.link import EngineLink, EngineLost
from edgesegd.scheduler.scheduler import Scheduler

log = logging.getLogger(__name__)

MIN_REPLICAS = 2
LINGER_SECONDS = 60.0
"""Replicas that have nothing to do are kept for so long: starting them takes a second of a core."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds without replicas after they could not be started or were lost; doubled each time."""


def plan_replicas(*, cores: int, threads: int, budget: int, each: int) -> list[Choice]:
    """As many engines of the CPU, with `threads` each or more, as fill `cores` and fit in `budget`.

    `budget` and what `each` takes are bytes. None where that is not even two.
    """
    useful, affordable = cores // threads, budget // max(each, 1)
    if useful < MIN_REPLICAS:
        return []
    if affordable < MIN_REPLICAS:
        log.info(
            "no memory for engines side by side: each takes %d MB, and they may have %d MB",
            each >> 20,
            budget >> 20,
        )
        return []
    count = min(useful, affordable)
    return [(DelegateSpec(), cores // count)] * count


class ReplicaObserver(Protocol):
    """Who wants to know of one replica."""

    def engine_ready(self, link: EngineLink, *, degraded: bool) -> None:
        """It is ready."""

    def engine_lost(self, cause: str) -> None:
        """It is gone, by one of EngineLost's causes."""

    def engine_closed(self) -> None:
        """Nothing more comes of it: it was lost, or is not needed any more."""


class Replicas:
    """Has replicas take the frames while there are some for several engines most of the time.

    `active` is whether they do; then the first engine is to take none. They are started when they
    are needed, and end when they were not for a while. When one is lost all end, and the first
    engine takes over at once. `afford` gives the choices to start them with: fewer than two where
    there is no memory for more, or they would bring nothing. `clear` and `answer_seconds` are the
    Dispatcher's.
    """

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        afford: Callable[[], Sequence[Choice]],
        start_engine: Callable[[Choice], Awaitable[EngineLink]],
        observe: Callable[[], ReplicaObserver],
        clear: Callable[[Iterable[object], bool], None],
        answer_seconds: float,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        self.active = False
        self._scheduler = scheduler
        self._afford = afford
        self._start_engine = start_engine
        self._observe = observe
        self._clear = clear
        self._answer_seconds = answer_seconds
        self._linger_seconds = linger_seconds
        self._pause = Backoff(first=FIRST_PAUSE, longest=LONGEST_PAUSE)
        self._ready = 0
        self._of_use = True
        self._changed = asyncio.Event()
        scheduler.demand.on_change = self._changed.set

    def set_of_use(self, of_use: bool) -> None:
        """Whether replicas bring anything; beside an accelerator, which one engine fills, none."""
        self._of_use = of_use
        self._changed.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            while not self._needed:
                await self._change()
            choices = self._afford()
            if len(choices) >= MIN_REPLICAS and await self._serve_with(choices):
                self._pause.reset()
            else:
                await asyncio.sleep(self._pause.next() or self._pause.next())

    @property
    def _needed(self) -> bool:
        return self._of_use and self._scheduler.demand.several

    async def _serve_with(self, choices: Sequence[Choice]) -> bool:
        """Until they were not needed for a while, or one failed; whether all went well."""
        enough, failures = asyncio.Event(), list[Exception]()
        async with asyncio.TaskGroup() as group:
            for choice in choices:
                group.create_task(self._run_one(choice, enough, failures))
            try:
                while not failures:
                    self._set_active(self._needed and self._ready == len(choices))
                    async with asyncio.timeout(None if self._needed else self._linger_seconds):
                        await self._change()
            except TimeoutError:
                log.info("%d engines that were not needed any more end", len(choices))
            finally:
                self._set_active(False)
                enough.set()
        return not failures

    async def _run_one(
        self, choice: Choice, enough: asyncio.Event, failures: list[Exception]
    ) -> None:
        """Start a replica, and supply it with frames until there were enough."""
        try:
            link = await self._start_engine(choice)
        except StartupError as error:
            log.warning("one of several engines does not start: %s", error)
            failures.append(error)
            self._changed.set()
            return
        observer = self._observe()
        observer.engine_ready(link, degraded=False)
        self._ready += 1
        self._changed.set()
        try:
            await Dispatcher(
                link,
                self._scheduler,
                name=observer,
                clear=self._clear,
                may_take=lambda: self.active,
                answer_seconds=self._answer_seconds,
                foresee=True,
                in_turn=True,
            ).run(enough)
        except EngineLost as loss:
            log.warning("one of several engines failed (%s): %s", loss.cause, loss)
            observer.engine_lost(loss.cause)
            failures.append(loss)
        finally:
            self._ready -= 1
            self._changed.set()
            observer.engine_closed()
            await link.close()

    def _set_active(self, active: bool) -> None:
        if active is not self.active:
            who = f"{self._ready} engines side by side" if active else "one engine"
            log.info("%s frames at a time: %s", "several" if active else "few", who)
            self.active = active
            self._scheduler.wake()

    async def _change(self) -> None:
        await self._changed.wait()
        self._changed.clear()
