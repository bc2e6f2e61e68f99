"""Makes the choice of delegates, and measures it again if needed, while the daemon serves."""

from __future__ import annotations

import asyncio
import logging
import statistics
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from edgesegd.board.load import BoardLoad
from edgesegd.core.errors import StartupError
from edgesegd.delegates.spec import Choice, DelegateSpec
from edgesegd.probe.choice import BUSY_CORES, Chooser
from edgesegd.probe.choice_store import StoredChoice

log = logging.getLogger(__name__)

QUIET_SECONDS = 10.0
"""The daemon counts as idle after this time without a frame."""
QUIET_SHARE = 0.5
"""The share of the time after which engines sleep, if that is short: the probe comes before it."""
CHECK_SECONDS, CHECK_AGAIN_SECONDS = 2.0, 30.0
"""How long the load by other programs is measured, and the pause before it is measured again."""
MAX_WAIT_SECONDS = 60.0
"""If invokes became slow, the choice is measured again after this time even if frames arrive."""
MAX_DISTURBED_SECONDS = 3600.0
"""A choice whose measurement was disturbed is measured again after this time even if the board was
never idle."""
FIRST_PAUSE, MAX_PAUSE = 60.0, 86400.0
"""Seconds until the next probe, doubled as long as there is a reason for one after another, because
a board may stay slow or busy."""
SLOW_FACTOR = 1.5
"""Invokes are slow if they take this many times as long as when the delegate was chosen."""
MEDIAN_FRAMES, SLOW_IN_A_ROW = 100, 5
"""SLOW_IN_A_ROW medians, each of MEDIAN_FRAMES frames, must be slow in a row."""


def quiet_seconds(idle_unload: float) -> float:
    """After what time without a frame the daemon counts as idle.

    Engines end after `idle_unload` seconds without a frame; 0 for never.
    """
    return min(QUIET_SECONDS, QUIET_SHARE * idle_unload) if idle_unload else QUIET_SECONDS


class InvokeWatch:
    """Watches whether invokes take much longer than when the delegate was chosen.

    `is_slow` is set when they were slow for long enough.
    """

    def __init__(self) -> None:
        self.is_slow = asyncio.Event()
        self._expected = 0.0
        self._seconds: list[float] = []
        self._slow = 0

    def expect(self, seconds: float) -> None:
        """Set how long an invoke should take; 0 if that is not known."""
        self._expected = seconds
        self._seconds.clear()
        self._slow = 0
        self.is_slow.clear()

    def observe(self, seconds: float) -> None:
        """Count an invoke that took `seconds`."""
        self._seconds.append(seconds)
        if len(self._seconds) < MEDIAN_FRAMES:
            return
        median = statistics.median(self._seconds)
        self._seconds.clear()
        slow = 0 < self._expected * SLOW_FACTOR < median
        self._slow = self._slow + 1 if slow else 0
        if self._slow == SLOW_IN_A_ROW:
            log.warning(
                "invokes take %.1f ms, but took %.1f ms when the delegate was chosen: "
                "the delegates will be measured again",
                median * 1e3,
                self._expected * 1e3,
            )
            self.is_slow.set()


class ChoiceUpkeep:
    """Probes if no choice is remembered, and again if the choice may be wrong.

    It may be wrong if it was measured while frames were served or other programs used the board, or
    if invokes have become slower since. The next probe waits until the board is idle, but not for
    ever: `unused` returns when no frame arrived for a number of seconds, of which it asks for
    `quiet_seconds`. A choice that nothing disturbed is replaced by one that was disturbed only when
    a second probe finds the same. `select` is called with each choice. Models that share `probes`
    are probed one after another, because a probe slows down other measurements.
    """

    def __init__(
        self,
        chooser: Chooser,
        remembered: StoredChoice | None,
        *,
        select: Callable[[StoredChoice], None],
        unused: Callable[[float], Awaitable[None]],
        quiet_seconds: float = QUIET_SECONDS,
        probes: asyncio.Lock | None = None,
    ) -> None:
        self._chooser = chooser
        self._chosen = remembered
        self._select = select
        self._unused = unused
        self._quiet_seconds = quiet_seconds
        self._unconfirmed: Choice | None = None
        self._probes = probes or asyncio.Lock()
        self._is_chosen = asyncio.Event()
        if remembered is not None:
            self._is_chosen.set()
        self._watch = InvokeWatch()
        self._pause = FIRST_PAUSE

    async def wait_until_chosen(self) -> None:
        """Wait until no probe runs, and none is about to begin."""
        await self._is_chosen.wait()

    def observe(self, choice: Choice, seconds: float) -> None:
        """Count a frame's invoke, with the delegate and threads that ran it."""
        if self._chosen is not None and choice == self._chosen.selection.ranking[0]:
            self._watch.observe(seconds)

    async def run(self) -> None:
        """Keep the choice up to date until cancelled."""
        if self._chosen is None:
            log.info(
                "probing the delegates of this board (%s); until then the CPU serves",
                self._chooser.store.reason,
            )
            await self._choose()
        else:
            self._chooser.log.remembered(self._chosen.findings)
        while True:
            before = self._chosen
            if before is not None:
                self._watch.expect(before.invoke_seconds)
                await self._wait_for_reason(before)
                await self._choose()
            await asyncio.sleep(self._pause)
            self._pause = FIRST_PAUSE if self._is_clear_after(before) else self._next_pause
            if before is None:  # no probe could be made
                await self._choose()

    @property
    def _next_pause(self) -> float:
        return min(2 * self._pause, MAX_PAUSE)

    def _is_clear_after(self, before: StoredChoice | None) -> bool:
        """Whether nothing disturbs the choice any more, as it did `before`."""
        was_disturbed = before is not None and before.disturbed
        return bool(was_disturbed and self._chosen is not None and not self._chosen.disturbed)

    async def _wait_for_reason(self, chosen: StoredChoice) -> None:
        """Wait until there is a reason to choose again, and then for a while for an idle board."""
        if chosen.disturbed:
            log.info(
                "%s: the delegates will be measured again when the board is idle", chosen.disturbed
            )
            idle, slow = self._wait_until_idle(), self._watch.is_slow.wait()
            await _first_of(idle, slow, within=MAX_DISTURBED_SECONDS)
        else:
            await self._watch.is_slow.wait()
        if self._watch.is_slow.is_set():
            await _first_of(self._wait_until_idle(), within=MAX_WAIT_SECONDS)

    def _serves_with(self, delegate: DelegateSpec) -> bool:
        chosen = self._chosen.selection if self._chosen else None
        return chosen is not None and delegate in [
            each for each, _ in (*chosen.ranking, *chosen.extra)
        ]

    async def _wait_until_idle(self) -> None:
        while True:
            await self._unused(self._quiet_seconds)
            self._is_chosen.clear()  # if the board is idle, until the probe has ended
            is_idle = False
            try:
                load = BoardLoad()
                await asyncio.sleep(CHECK_SECONDS)
                is_idle = load.cores <= BUSY_CORES
            finally:
                if not is_idle:
                    self._is_chosen.set()
            if is_idle:
                return
            await asyncio.sleep(CHECK_AGAIN_SECONDS)

    async def _choose(self) -> None:
        if serving := [each.name for each in self._chooser.busy if self._serves_with(each)]:
            log.info("%s serves, so it cannot be measured: the choice stays", serving[0])
            self._is_chosen.set()
            return
        self._is_chosen.clear()
        try:
            async with self._probes:
                self._accept(await self._chooser.choose())
        except StartupError as error:
            log.warning("no delegate can be chosen, the present one goes on: %s", error)
        except Exception:
            log.exception("no delegate can be chosen, by a fault of the daemon")
        finally:
            self._is_chosen.set()

    def _accept(self, found: StoredChoice) -> None:
        """Store and select a choice, unless it must be found a second time."""
        best, present = found.selection.ranking[0], self._chosen
        was_clear = present is not None and (not present.disturbed or self._unconfirmed is not None)
        is_new = present is not None and best not in (
            present.selection.ranking[0],
            self._unconfirmed,
        )
        if present is not None and was_clear and is_new and found.disturbed:
            log.info(
                "%s with %d threads was the best (%s): the present choice stays until a second "
                "measurement says the same",
                best[0].name,
                best[1],
                found.disturbed,
            )
            self._unconfirmed = best
            self._chosen = replace(present, disturbed=found.disturbed)
            self._chooser.store.save(self._chosen)
            return
        self._unconfirmed = None
        self._chosen = found
        self._chooser.store.save(found)
        self._select(found)


async def _first_of(*waits: Coroutine[Any, Any, object], within: float) -> None:
    """Wait until one of these has ended, for at most `within` seconds; cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
