"""Processes that share the cores of a machine, in simulated time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from fleet.core import Core, Thread, slice_seconds

BALANCE = 0.064
"""Seconds after which busy cores even out their queues: `sched_balance_rq` in kernel/sched/fair.c
tries it each 32 ms on two cores, and moves the half of a thread with the second attempt."""


class Step(NamedTuple):
    """Work of a process: seconds of CPU time, by so many threads."""

    seconds: float
    threads: int = 1


class SharedCores:
    """`count` cores with a queue each, as in Linux; other programs use `others` of them.

    A thread that wakes up takes the core where it was, or another one that is idle. If there is
    none it waits on the core of the thread that woke it, unless fewer want the one where it was
    (`wake_affine` in kernel/sched/fair.c). A core that becomes idle gets a thread that waits
    elsewhere at the next tick: for pauses as short as those of a busy machine Linux does not look
    for one sooner (`sched_balance_newidle`). So of three engines on two cores one may be alone for
    a while, and front and client wait for engines of their core.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int, *, others: float = 0.0) -> None:
        self._loop = loop
        self._balanced = 0.0
        self._waker: Core | None = None
        self._cores = [
            Core(
                loop,
                speed=1 - others / count,
                slice_seconds=slice_seconds(count),
                on_tick=self._balance,
            )
            for _ in range(count)
        ]

    def run(self, threads: list[Thread], step: Step, on_done: Callable[[], None]) -> None:
        """Do a step of a process, then call `on_done`; adds as many threads as it needs."""
        count = min(step.threads, len(self._cores))
        threads.extend(Thread() for _ in range(len(threads), count))
        remaining = count

        def end_one(thread: Thread) -> None:
            nonlocal remaining
            remaining -= 1
            if not remaining:
                self._waker = thread.core
                on_done()
                self._waker = None

        for number, thread in enumerate(threads[:count]):
            thread.left, thread.on_done = step.seconds / count, partial(end_one, thread)
            if thread.core is None or not thread.core.is_running(thread):
                # One that wakes threads of its own process goes on.
                self._core_for(thread, None if number else self._waker).enter(thread)

    def _core_for(self, thread: Thread, waker: Core | None) -> Core:
        last = thread.core
        if last is not None and last.is_idle:
            return last
        for core in self._cores:
            if core.is_idle:
                return core
        if last is None:
            return min(self._cores, key=lambda core: core.threads)
        if waker is not None and waker.threads - 1 <= last.threads:  # the waker sleeps soon
            return waker
        return last

    def _balance(self) -> None:
        """Let a thread move from the core with the most to the one with the fewest."""
        *_, most = ordered = sorted(self._cores, key=lambda core: core.threads)
        fewest = ordered[0]
        if not fewest.is_idle:
            if self._loop.time() - self._balanced < BALANCE:
                return
            self._balanced = self._loop.time()
        if most.threads > fewest.threads and (thread := most.give_away()):
            fewest.enter(thread)


class Process:
    """Does one thing after another, as an event loop or an engine does."""

    def __init__(self, cores: SharedCores) -> None:
        self._cores = cores
        self._threads: list[Thread] = []
        self._waiting: deque[tuple[tuple[Step, ...], Callable[[], None]]] = deque()
        self._is_busy = False

    def do(self, then: Callable[[], None], *steps: Step) -> None:
        """Do these steps when all that was asked for before is done, then call `then`."""
        self._waiting.append((steps, then))
        if not self._is_busy:
            self._begin()

    def _begin(self) -> None:
        steps, then = self._waiting.popleft()
        self._is_busy = True
        self._continue(steps, then)

    def _continue(self, steps: tuple[Step, ...], then: Callable[[], None]) -> None:
        if steps:
            first, *rest = steps
            on_done = partial(self._continue, tuple(rest), then)
            self._cores.run(self._threads, first, on_done)
            return
        self._is_busy = False
        then()
        if self._waiting and not self._is_busy:
            self._begin()
