"""A core in simulated time, which threads use one after another as Linux lets them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

TICK = 0.004
"""Seconds between the moments in which a core looks whether another thread should run: CONFIG_HZ is
250 in the kernels of Debian and Raspberry Pi OS."""
BASE_SLICE = 0.0007
"""Seconds, for one core: `sysctl_sched_base_slice` in kernel/sched/fair.c of Linux 6.13."""
NOTHING_LEFT = 1e-10
"""Seconds of work that are rounding errors."""


def slice_seconds(cores: int) -> float:
    """How long a thread runs undisturbed.

    By `get_update_sysctl_factor` in kernel/sched/fair.c: longer with more cores, up to eight.
    """
    return BASE_SLICE * (1 + int(math.log2(min(cores, 8))))


@dataclass(slots=True, eq=False)
class Thread:
    """Has work of `left` seconds; `on_done`, called after that, may give it more at once.

    `used` are the seconds that it ran, as its core counts them. Once it has used the core until
    `slice_end`, in the same seconds, it is the turn of others. `owed` is how much less than the
    others' average it had used when it left its core, and gets back when it returns.
    """

    left: float = 0.0
    on_done: Callable[[], None] | None = None
    core: Core | None = None
    used: float = 0.0
    slice_end: float = 0.0
    owed: float = 0.0

    @property
    def has_work(self) -> bool:
        """Whether it has work, be it of no time at all."""
        return self.on_done is not None

    def end_work(self) -> None:
        """The work is done."""
        on_done, self.on_done, self.left = self.on_done, None, 0.0
        if on_done is not None:
            on_done()


class Core:
    """Runs one thread at a time, and has a queue, as each core has in Linux since 6.6 (EEVDF).

    A thread that has not used more than the average of those on the core may run next, and the one
    whose slice ends first does (Stoica and Abdel-Wahab, Earliest Eligible Virtual Deadline First,
    1995; `pick_eevdf` in kernel/sched/fair.c). It runs for a slice of `slice_seconds` undisturbed:
    a thread that wakes up takes the core from one whose slice is over, and otherwise waits for the
    next tick. `speed` is the part of the core that other programs leave. `on_tick` is called at
    ticks with threads waiting.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        speed: float,
        slice_seconds: float,
        on_tick: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._speed = speed
        self._slice = slice_seconds
        self._on_tick = on_tick
        self._running: Thread | None = None
        self._waiting: list[Thread] = []
        self._chosen_at = self._counted_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no thread runs."""
        return self._running is None

    @property
    def threads(self) -> int:
        """Those that run or wait."""
        return len(self._waiting) + (self._running is not None)

    def is_running(self, thread: Thread) -> bool:
        """Whether this thread runs; as long as its `on_done` is called it does."""
        return self._running is thread

    def enter(self, thread: Thread) -> None:
        """A thread with work comes: it has woken up, or comes from another core."""
        self._count()
        others = self.threads
        # It is part of the average too, so that it must have used so much less than the others.
        back = thread.owed * (others + 1) / others if others else 0.0
        thread.used = self._average() - back
        thread.slice_end = thread.used + self._slice
        thread.core = self
        self._waiting.append(thread)
        if self._running is None or (self._running.has_work and self._is_slice_over):
            self._choose()
        self._set_timer()

    def give_away(self) -> Thread | None:
        """The thread that has waited the longest leaves the core; None if none waits."""
        if not self._waiting:
            return None
        self._count()
        owed = self._average() - self._waiting[0].used
        thread = self._waiting.pop(0)
        thread.owed = self._limited(owed)
        self._set_timer()
        return thread

    @property
    def _is_slice_over(self) -> bool:
        return self._loop.time() - self._chosen_at >= self._slice

    def _average(self) -> float:
        threads = [*self._waiting, *((self._running,) if self._running else ())]
        return sum(thread.used for thread in threads) / len(threads) if threads else 0.0

    def _limited(self, owed: float) -> float:
        return max(-self._slice, min(self._slice, owed))

    def _count(self) -> None:
        """Count what was done since the last time."""
        now = self._loop.time()
        if self._running is not None:
            passed = now - self._counted_at
            self._running.left -= passed * self._speed
            self._running.used += passed
        self._counted_at = now

    def _choose(self) -> None:
        """Let the thread run whose turn it is."""
        if self._running is not None:
            self._waiting.append(self._running)
            self._running = None
        if not self._waiting:
            return
        average = self._average() + NOTHING_LEFT
        eligible = [thread for thread in self._waiting if thread.used <= average]
        self._running = min(eligible, key=lambda thread: thread.slice_end)
        self._waiting.remove(self._running)
        self._chosen_at = self._loop.time()

    def _set_timer(self) -> None:
        """For the end of what runs, or for the next tick if a thread waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._running is None:
            return
        now = self._loop.time()
        when = now + max(0.0, self._running.left / self._speed)
        if self._waiting:
            when = min(when, TICK * (math.floor(now / TICK + 1e-6) + 1))
        self._timer = self._loop.call_at(when, self._on_time, self._running)

    def _on_time(self, thread: Thread) -> None:
        self._count()
        if thread.left > NOTHING_LEFT:
            self._tick(thread)
        else:
            self._end_work(thread)
        self._set_timer()

    def _tick(self, thread: Thread) -> None:
        self._on_tick()
        if thread.used >= thread.slice_end - NOTHING_LEFT:
            thread.slice_end = thread.used + self._slice
        elif not self._is_slice_over:
            return
        self._choose()

    def _end_work(self, thread: Thread) -> None:
        """Whatever it wakes up sees this core as busy: a thread wakes others before it sleeps."""
        thread.end_work()
        if thread.has_work:
            return
        # What it has used too much is forgotten while it sleeps.
        thread.owed = max(0.0, self._limited(self._average() - thread.used))
        self._running = None
        self._choose()
