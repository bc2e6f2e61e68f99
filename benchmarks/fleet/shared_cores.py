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

    A thread that wakes up takes the core where it was, another one that is idle, or waits where it
    was. A core that has nothing to do takes a thread that waits elsewhere. So of three engines on
    two cores one may be alone for a while, and front and client wait for engines of their core.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int, *, others: float = 0.0) -> None:
        self._loop = loop
        self._balanced = 0.0
        self._cores = [
            Core(
                loop,
                speed=1 - others / count,
                slice_seconds=slice_seconds(count),
                on_idle=self._take_waiting,
                on_tick=self._balance,
            )
            for _ in range(count)
        ]

    def run(self, threads: list[Thread], step: Step, on_done: Callable[[], None]) -> None:
        """Do a step of a process, then call `on_done`; adds as many threads as it needs."""
        count = min(step.threads, len(self._cores))
        threads.extend(Thread() for _ in range(len(threads), count))
        remaining = count

        def end_one() -> None:
            nonlocal remaining
            remaining -= 1
            if not remaining:
                on_done()

        for thread in threads[:count]:
            thread.left, thread.on_done = step.seconds / count, end_one
            if thread.core is None or not thread.core.is_running(thread):
                self._core_for(thread).enter(thread)

    def _core_for(self, thread: Thread) -> Core:
        if thread.core is not None and thread.core.is_idle:
            return thread.core
        idle = next((core for core in self._cores if core.is_idle), None)
        return idle or thread.core or min(self._cores, key=lambda core: core.threads)

    def _take_waiting(self, idle: Core) -> None:
        thread = max(self._cores, key=lambda core: core.threads).give_away()
        if thread is not None:
            idle.enter(thread)

    def _balance(self) -> None:
        if self._loop.time() - self._balanced < BALANCE:
            return
        self._balanced = self._loop.time()
        *_, most = ordered = sorted(self._cores, key=lambda core: core.threads)
        fewest = ordered[0]
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
