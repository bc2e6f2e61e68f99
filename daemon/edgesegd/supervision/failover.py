"""Which engine follows which: the same delegate once, the next best, and back up again."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edgesegd.core.errors import NoEngine, StartupError
from edgesegd.delegates.spec import Choice
from edgesegd.supervision.answer_timeout import start_bound
from edgesegd.supervision.backoff import Backoff
from edgesegd.supervision.delegate_ranking import QUICK_START_SECONDS, Ladder, Rung
from edgesegd.supervision.engine_process import EngineLink, EngineLost

log = logging.getLogger(__name__)

RESTART_FIRST, RESTART_LONGEST = 0.1, 5.0
"""Seconds between tries to start an engine; the first replacement starts at once."""
GIVE_UP_AFTER = 3
"""Failed starts in a row; then the frames that wait are answered, and no longer kept waiting."""
GIVE_UP_SECONDS, GIVE_UP_FACTOR = 2.0, 3.0
"""Nor longer than that, or so many times what the slowest delegate took to start."""
FIRST_START_SECONDS = 2.0
"""How long all wait for a delegate's first start, where a lesser one can serve meanwhile."""
PATIENCE = 1.5
"""Times QUICK_START_SECONDS that frames wait for a delegate to come back at once."""
WRONG = ("nan", "constant", "drift")
"""Causes of a loss where masks were wrong."""
STUCK = ("hang", "start")
"""Causes that may cost as much time again."""


class EngineObserver(Protocol):
    """Who wants to know how the engine fares."""

    def engine_ready(self, link: EngineLink, *, degraded: bool) -> None:
        """An engine is ready; `degraded` where there is a better delegate, were it well."""

    def engine_lost(self, cause: str) -> None:
        """It is gone, by one of EngineLost's causes, or could not be had: "start"."""


@dataclass(frozen=True, slots=True)
class Running:
    """An engine that is ready, and what it stands on."""

    link: EngineLink
    rung: Rung


class Succession:
    """Starts one engine after another, each with the best delegate that can be trusted.

    `start_engine` is given a choice and the seconds that it may take, `prove` tries a delegate
    that failed before; both raise a StartupError.
    """

    def __init__(
        self,
        *,
        ladder: Ladder,
        start_engine: Callable[[Choice, float], Awaitable[EngineLink]],
        start_seconds: float,
        prove: Callable[[Choice], Awaitable[None]],
        observer: EngineObserver,
    ) -> None:
        self._ladder = ladder
        self._start_engine = start_engine
        self._start_seconds = start_seconds
        self._prove = prove
        self._observer = observer
        self._backoff = Backoff(first=RESTART_FIRST, longest=RESTART_LONGEST)
        self._current: Running | None = None
        self._why = ""
        self._changed = asyncio.Event()
        self._better: Running | None = None
        self.better_ready = asyncio.Event()

    async def first(self) -> Running:
        """The first engine; raises the StartupError of the last delegate."""
        while True:
            rung = self._ladder.usable()
            others = rung is not self._ladder.last
            seconds = FIRST_START_SECONDS if others else self._start_seconds
            try:
                return self._step_onto(await self._start(rung, min(seconds, self._start_seconds)))
            except StartupError as error:
                if not others:
                    raise
                self._ladder.fail(rung, stuck=True)
                self._log_loss(rung, f"does not start: {error}")

    async def replacement(self, give_up: Callable[[NoEngine], None]) -> Running:
        """The engine after one that was lost; tells `give_up` where none comes for a while."""
        async with asyncio.TaskGroup() as group:
            giving_up = group.create_task(self._give_up_again_and_again(give_up))
            running = await self._start_until_ready(give_up)
            giving_up.cancel()
        return running

    async def _give_up_again_and_again(self, give_up: Callable[[NoEngine], None]) -> None:
        patience = max(GIVE_UP_SECONDS, GIVE_UP_FACTOR * self._ladder.slowest_start)
        while True:
            await asyncio.sleep(patience)
            give_up(NoEngine(f"no engine was ready in {patience:.1f} s: {self._why}"))

    async def _start_until_ready(self, give_up: Callable[[NoEngine], None]) -> Running:
        for failures in itertools.count(1):
            await asyncio.sleep(self._backoff.next())
            if self._better is not None:
                return self.climbed()
            rung = self._ladder.usable()
            try:
                return self._step_onto(await self._start(rung, self._patience(rung)))
            except StartupError as error:
                self._failed(rung, "start", str(error))
                if failures >= GIVE_UP_AFTER:
                    give_up(NoEngine(f"no engine can be started: {error}"))
        raise AssertionError("counting has no end")

    def lost(self, running: Running, loss: EngineLost) -> None:
        """An engine that ran is gone."""
        self._current, self._why = None, str(loss)
        self._failed(running.rung, loss.cause, str(loss))

    def clear(self, rungs: Iterable[object], certain: bool) -> None:
        """Engines on these were lost by a frame's fault, as `Ladder.clear` has it."""
        for rung in set(rungs):
            if isinstance(rung, Rung):
                self._ladder.clear(rung, certain=certain)
        self._backoff.reset()
        self._changed.set()

    def worked(self) -> None:
        """A frame was segmented: the next loss is a first one."""
        self._backoff.reset()
        if self._current is not None:
            self._current.rung.worked = True

    def reorder(self, choices: Sequence[Choice]) -> None:
        """Use these delegates from now on, best first."""
        self._ladder.reorder(choices)
        self._changed.set()

    async def climb(self) -> None:
        """Start a better engine beside the one that runs, whenever there is hope; without end."""
        while True:
            self._changed.clear()
            step = self._ladder.better_than(self._current.rung) if self._current else None
            if step is None or self._better is not None:
                await self._changed.wait()
                continue
            rung, seconds = step
            with contextlib.suppress(TimeoutError):
                if seconds > 0:
                    async with asyncio.timeout(seconds):
                        await self._changed.wait()
                    continue
            try:
                seconds = start_bound(rung.start_seconds, most=self._start_seconds)
                self._better = await self._start(rung, seconds)
            except StartupError as error:
                self._ladder.rest(rung)
                log.warning("%s is not well yet: %s", rung, error)
            else:
                self.better_ready.set()

    def climbed(self) -> Running:
        """The better engine, once it is ready: it is the one that runs from now on."""
        running, self._better = self._better, None
        if running is None:
            raise AssertionError("there is no better engine")
        self.better_ready.clear()
        log.info("%s takes over", running.rung)
        return self._step_onto(running)

    async def close(self) -> None:
        """End the better engine that nobody came to use."""
        if self._better is not None:
            await self._better.link.close()
            self._better = None

    def _patience(self, rung: Rung) -> float:
        """How long a replacement may take to start while frames wait, seconds."""
        if rung is self._ladder.last:
            return self._start_seconds
        return min(self._start_seconds, PATIENCE * QUICK_START_SECONDS)

    async def _start(self, rung: Rung, seconds: float) -> Running:
        if rung.doubted:
            await self._prove(rung.choice)
        started = time.monotonic()
        link = await self._start_engine(rung.choice, seconds)
        rung.start_seconds = time.monotonic() - started
        rung.choice = (rung.delegate, link.ready.threads)  # 0 was the engine's own choice
        return Running(link, rung)

    def _step_onto(self, running: Running) -> Running:
        self._ladder.start(running.rung)
        self._current = running
        self._changed.set()
        degraded = self._ladder.better_than(running.rung) is not None
        self._observer.engine_ready(running.link, degraded=degraded)
        return running

    def _failed(self, rung: Rung, cause: str, why: str) -> None:
        self._ladder.fail(rung, wrong=cause in WRONG, stuck=cause in STUCK)
        self._log_loss(rung, f"failed ({cause}): {why}")
        self._observer.engine_lost(cause)

    def _log_loss(self, rung: Rung, what: str) -> None:
        follower = self._ladder.usable()
        then = "starting it again" if follower is rung else f"{follower} takes over"
        log.warning("%s %s; %s", rung, what, then)
