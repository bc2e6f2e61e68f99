"""Processes that share the cores of a machine, in simulated time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import NamedTuple

NOTHING_LEFT = 1e-10
"""Seconds of work that are rounding errors."""
SAME = 1e-7
"""Seconds by which used times differ at most that count as the same."""
CREDIT = 0.003
"""How much less than the others a process has used at most that wakes up: about a time slice, as
Linux limits it (`place_entity` in kernel/sched/fair.c)."""


class Step(NamedTuple):
    """Work of a process: seconds of CPU time, by so many threads."""

    seconds: float
    threads: int = 1


@dataclass(slots=True, eq=False)
class _Task:
    left: float
    threads: int
    process: Process
    on_done: Callable[[], None]


class SharedCores:
    """`count` cores, or a part of one, which processes share as Linux's fair scheduler does.

    Those that have used the least so far, by their `used` time for each thread, run first, on one
    core for each thread. Those that have used the same share what is left equally: processor
    sharing (Kleinrock, Queueing Systems II, 4.4), the limit of short time slices. So a front that
    needs little runs as soon as it wakes up, and engines share the rest. Nothing is lost by
    switching.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, count: float) -> None:
        self._loop = loop
        self._count = count
        self._tasks: list[_Task] = []
        self._rates: list[float] = []
        self._least_used = 0.0
        self._since = loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def run(self, process: Process, step: Step, on_done: Callable[[], None]) -> None:
        """Do a step of a process that does nothing else now, then call `on_done`."""
        self._advance()
        process.used = max(process.used, self._least_used - CREDIT)
        self._tasks.append(_Task(step.seconds, step.threads, process, on_done))
        self._share()

    def _advance(self) -> None:
        """Count what was done since the last time."""
        now = self._loop.time()
        passed, self._since = now - self._since, now
        for task, rate in zip(self._tasks, self._rates, strict=True):
            task.left -= passed * rate * task.threads
            task.process.used += passed * rate
        if self._tasks:
            used = min(task.process.used for task in self._tasks)
            self._least_used = max(self._least_used, used)

    def _share(self) -> None:
        """Give the cores to those that used the least, until that or a task ends.

        `_rates` are the cores for each thread of each task.
        """
        self._tasks.sort(key=lambda task: task.process.used)
        self._rates, free = [], self._count
        for group in self._groups():
            threads = sum(task.threads for task in group)
            self._rates += len(group) * [min(1.0, free / threads)]
            free -= threads * self._rates[-1]
        if self._timer is not None:
            self._timer.cancel()
        soonest = min(self._next_changes(), default=None)
        self._timer = None
        if soonest is not None:
            self._timer = self._loop.call_later(max(0.0, soonest), self._on_change)

    def _groups(self) -> Iterator[list[_Task]]:
        """The tasks in order, those together whose processes have used the same."""
        group = self._tasks[:1]
        for task in self._tasks[1:]:
            used = group[0].process.used
            if task.process.used > used + SAME:
                yield group
                group = []
            else:
                task.process.used = used  # the difference is a rounding error
            group.append(task)
        if group:
            yield group

    def _next_changes(self) -> Iterator[float]:
        """In how many seconds tasks end, or have used as much as the next ones."""
        for task, rate in zip(self._tasks, self._rates, strict=True):
            if rate > 0:
                yield task.left / (rate * task.threads)
        for (less, faster), (more, slower) in pairwise(zip(self._tasks, self._rates, strict=True)):
            if faster > slower:
                yield (more.process.used - less.process.used) / (faster - slower)

    def _on_change(self) -> None:
        self._advance()
        done = [task for task in self._tasks if task.left <= NOTHING_LEFT]
        self._tasks = [task for task in self._tasks if task.left > NOTHING_LEFT]
        self._share()
        for task in done:
            task.on_done()


class Process:
    """Does one thing after another, as an event loop or an engine does."""

    def __init__(self, cores: SharedCores) -> None:
        self.used = 0.0
        """For the cores: seconds of each thread so far, as the scheduler counts them."""
        self._cores = cores
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
            self._cores.run(self, first, on_done)
            return
        self._is_busy = False
        then()
        if self._waiting and not self._is_busy:
            self._begin()
