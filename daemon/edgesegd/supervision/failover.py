"""Replaces a lost engine: with the same delegate once, then the next best; later upgrades again."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from edgesegd.concurrency.background_tasks import log_failure
from edgesegd.core.errors import NoEngine, StartupError
from edgesegd.core.log_fields import Field, log_fields
from edgesegd.core.model import NO_MODEL, ModelIdentity
from edgesegd.delegates.spec import Choice
from edgesegd.supervision.answer_timeout import start_bound
from edgesegd.supervision.backoff import Backoff
from edgesegd.supervision.delegate_ranking import (
    QUICK_START_SECONDS,
    DelegateRanking,
    RankedDelegate,
)
from edgesegd.supervision.engine_observer import EngineObserver
from edgesegd.supervision.engine_process import EngineLost, EngineProcess

log = logging.getLogger(__name__)

FIRST_RESTART, MAX_RESTART = 0.1, 5.0
"""Seconds between tries to start an engine; the first replacement starts at once."""
GIVE_UP_AFTER = 3
"""After this many failed starts in a row, waiting frames are answered with an error."""
GIVE_UP_SECONDS, GIVE_UP_FACTOR = 2.0, 3.0
"""Waiting frames are also answered with an error after this many seconds without an engine, or
after this many times the start of the slowest delegate, if that is longer."""
FIRST_START_SECONDS = 2.0
"""How long a delegate's first start may take if a lesser delegate can serve instead."""
RESTART_FACTOR = 1.5
"""Frames wait this many times QUICK_START_SECONDS for a failed delegate that is restarted."""
WRONG = ("nan", "constant", "drift")
"""Causes of a loss that mean that masks were wrong."""
STUCK = ("hang", "start")
"""Causes of a loss that cost much time, and may again at the next try."""


@dataclass(frozen=True, slots=True)
class Running:
    """A ready engine and its delegate."""

    engine: EngineProcess
    ranked: RankedDelegate


class Failover:
    """Starts one engine after another, each with the best delegate that can be trusted.

    `start_engine` starts an engine with a choice, in at most the seconds that are given. `prove`
    tries a delegate that failed before. Both raise a StartupError. Log records are about `model`.
    """

    def __init__(
        self,
        *,
        ranking: DelegateRanking,
        start_engine: Callable[[Choice, float], Awaitable[EngineProcess]],
        start_seconds: float,
        prove: Callable[[Choice], Awaitable[None]],
        observer: EngineObserver,
        model: ModelIdentity = NO_MODEL,
    ) -> None:
        self._model = model
        self._ranking = ranking
        self._start_engine = start_engine
        self._start_seconds = start_seconds
        self._prove = prove
        self._observer = observer
        self._backoff = Backoff(first=FIRST_RESTART, maximum=MAX_RESTART)
        self._current: Running | None = None
        self._why = ""
        self._is_degraded = False
        self._changed = asyncio.Event()
        self._upgrade_tried = asyncio.Event()
        self._better: Running | None = None

    @property
    def has_better(self) -> bool:
        """Whether a better engine than the one that serves is ready."""
        return self._better is not None

    async def first(self) -> Running:
        """The first engine; raises a StartupError if not even the last delegate starts."""
        while True:
            ranked = self._ranking.usable()
            others = ranked is not self._ranking.last
            seconds = FIRST_START_SECONDS if others else self._start_seconds
            try:
                seconds = min(seconds, self._start_seconds)
                return self._serve_with(await self._start(ranked, seconds), "serves")
            except StartupError as error:
                if not others:
                    raise
                self._ranking.fail(ranked, stuck=True)
                self._log_loss(ranked, f"does not start: {error}", "start")

    async def replacement(self, give_up: Callable[[NoEngine], None]) -> Running:
        """The engine after a lost one; calls `give_up`, again and again, while none can start."""
        giving_up = asyncio.create_task(self._give_up_again_and_again(give_up))
        giving_up.add_done_callback(log_failure)
        try:
            # Nothing is awaited once there is an engine: a cancellation there would lose it.
            return await self._start_until_ready(give_up)
        finally:
            giving_up.cancel()

    async def _give_up_again_and_again(self, give_up: Callable[[NoEngine], None]) -> None:
        seconds = max(GIVE_UP_SECONDS, GIVE_UP_FACTOR * self._ranking.slowest_start)
        while True:
            await asyncio.sleep(seconds)
            give_up(NoEngine(f"no engine was ready in {seconds:.1f} s: {self._why}"))

    async def _start_until_ready(self, give_up: Callable[[NoEngine], None]) -> Running:
        clock = asyncio.get_running_loop().time
        lost = clock()
        for failures in itertools.count(1):
            await asyncio.sleep(self._backoff.next())
            if self._better is not None:
                return self.upgraded()
            ranked = self._ranking.usable()
            if ranked.in_use:  # `upgrade` is starting the last delegate: once is enough
                await self._upgrade_tried.wait()
                continue
            try:
                running = await self._start(ranked, self._start_timeout(ranked))
                again = f"{self._model.name} serves again after {clock() - lost:.1f} s"
                return self._serve_with(running, f"serves: {again}")
            except StartupError as error:
                self._failed(ranked, "start", str(error))
                if failures >= GIVE_UP_AFTER:
                    give_up(NoEngine(f"no engine can be started: {error}"))
        raise AssertionError("itertools.count never ends")

    def lost(self, running: Running, loss: EngineLost) -> None:
        """The engine that served was lost."""
        self._current, self._why = None, str(loss)
        self._failed(running.ranked, loss.cause, str(loss))

    def blame_frame(self, ranked: Iterable[RankedDelegate | None], fatal: bool) -> None:
        """A frame caused these delegates to lose engines; see `DelegateRanking.blame_frame`.

        Those of other engines are none of this one's concern.
        """
        own = {each for each in ranked if each is not None and self._ranking.has(each)}
        if not own:
            return
        for each in own:
            self._ranking.blame_frame(each, fatal=fatal)
        self._backoff.reset()
        self._changed.set()
        self._report_degraded()

    def worked(self) -> None:
        """A frame was segmented, so the next loss counts as the first again."""
        self._backoff.reset()
        if self._current is not None:
            self._current.ranked.worked = True

    def reorder(self, choices: Sequence[Choice]) -> None:
        """Use these delegates from now on, best first."""
        self._ranking.reorder(choices)
        self._changed.set()
        self._report_degraded()

    async def upgrade(self) -> None:
        """Start an engine with a better delegate whenever one may be tried; never returns.

        Then the present engine drains; after that `upgraded` must be called.
        """
        while True:
            self._changed.clear()
            candidate = self._ranking.better_than(self._current.ranked) if self._current else None
            if candidate is None or self._better is not None:
                await self._changed.wait()
                continue
            ranked, seconds = candidate
            if seconds > 0:
                # Afterwards another engine may serve, or none, so all is decided anew.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._changed.wait()
                continue
            await self._try_better(ranked)

    async def _try_better(self, ranked: RankedDelegate) -> None:
        """Start an engine to replace the present one; if it does not start, cool down."""
        self._upgrade_tried.clear()
        self._ranking.try_again(ranked)
        try:
            seconds = start_bound(ranked.start_seconds, maximum=self._start_seconds)
            self._better = await self._start(ranked, seconds)
        except StartupError as error:
            self._ranking.cool_down(ranked)
            log.warning(
                "%s does not start: %s; will try again later",
                ranked,
                error,
                extra=self._fields(ranked, "start"),
            )
            self._report_degraded()
        else:
            if self._current is not None:
                self._current.engine.life.drain()
        finally:
            self._upgrade_tried.set()

    def upgraded(self) -> Running:
        """The better engine, which must be ready; it serves from now on."""
        running, self._better = self._better, None
        if running is None:
            raise AssertionError("there is no better engine")
        return self._serve_with(running, "takes over")

    def retired(self) -> None:
        """The engine that served is no longer needed, and no other replaces it."""
        self._current = None
        self._observer.engine_closed()

    async def close(self) -> None:
        """End the better engine if it was started and never used."""
        if self._better is not None:
            await self._better.engine.close()
            self._better = None

    def _start_timeout(self, ranked: RankedDelegate) -> float:
        """How long a replacement may take to start while frames wait, in seconds."""
        if ranked is self._ranking.last:
            return self._start_seconds
        return min(self._start_seconds, RESTART_FACTOR * QUICK_START_SECONDS)

    async def _start(self, ranked: RankedDelegate, seconds: float) -> Running:
        ranked.in_use = True
        try:
            if ranked.needs_proof:
                await self._prove(ranked.choice)
            engine = await self._start_engine(ranked.choice, seconds)
        except BaseException:
            ranked.in_use = False
            raise
        ranked.start_seconds = engine.start_seconds
        ranked.choice = (ranked.delegate, engine.ready.threads)  # 0 let the engine choose
        return Running(engine, ranked)

    def _serve_with(self, running: Running, what: str) -> Running:
        log.info("%s %s", running.ranked, what, extra=self._fields(running.ranked))
        if self._current is not None:
            self._ranking.stop(self._current.ranked)
        self._ranking.start(running.ranked)
        self._current = running
        self._changed.set()
        self._is_degraded = self._ranking.is_degraded(running.ranked)
        self._observer.engine_ready(running.engine, degraded=self._is_degraded)
        return running

    def _report_degraded(self) -> None:
        """Notify the observer if `is_degraded` changed, and no other engine is ready."""
        current = None if self._current is None else self._current.ranked
        degraded = self._ranking.is_degraded(current)
        if degraded is not self._is_degraded:
            self._is_degraded = degraded
            self._observer.engine_degraded(degraded)

    def _failed(self, ranked: RankedDelegate, cause: str, why: str) -> None:
        self._ranking.fail(ranked, wrong=cause in WRONG, stuck=cause in STUCK)
        self._log_loss(ranked, f"failed ({cause}): {why}", cause)
        self._observer.engine_lost(cause)
        self._report_degraded()

    def _log_loss(self, ranked: RankedDelegate, what: str, cause: str) -> None:
        follower = self._ranking.usable()
        then = "starting it again" if follower is ranked else f"{follower} takes over"
        log.warning("%s %s; %s", ranked, what, then, extra=self._fields(ranked, cause))

    def _fields(self, ranked: RankedDelegate, cause: str = "") -> dict[str, Field]:
        return log_fields(model=self._model.name, delegate=ranked.delegate.name, cause=cause)
