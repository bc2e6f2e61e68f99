"""Processes that share the cores of a machine, in simulated time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

NOTHING_LEFT = 1e-10
"""Seconds of work that are rounding errors."""


class Step(NamedTuple):
    """Work of a process: seconds of CPU time, by so many threads."""

    seconds: float
    threads: int = 1


@dataclass(slots=True, eq=False)
class _Task:
    left: float
    threads: int
    on_done: Callable[[], None]


class SharedCores:
    """`count` cores, or a part of one, which the threads that run share equally.

    This is processor sharing, the limit of a fair scheduler with short time slices (Kleinrock,
    Queueing Systems II, 4.4). A thread runs on one core at most, and nothing is lost by switching.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, count: float) -> None:
        self._loop = loop
        self._count = count
        self._tasks: list[_Task] = []
        self._since = loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def run(self, seconds: float, threads: int, on_done: Callable[[], None]) -> None:
        """Do so many seconds of CPU time with so many threads, then call `on_done`."""
        self._advance()
        self._tasks.append(_Task(seconds, threads, on_done))
        self._set_timer()

    @property
    def _core_of_a_thread(self) -> float:
        return min(1.0, self._count / sum(task.threads for task in self._tasks))

    def _advance(self) -> None:
        """Subtract what was done since the last time."""
        now = self._loop.time()
        passed, self._since = now - self._since, now
        if self._tasks and passed:
            done = passed * self._core_of_a_thread
            for task in self._tasks:
                task.left -= done * task.threads

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._tasks:
            first = min(task.left / task.threads for task in self._tasks)
            seconds = max(0.0, first / self._core_of_a_thread)
            self._timer = self._loop.call_later(seconds, self._finish)

    def _finish(self) -> None:
        self._advance()
        done = [task for task in self._tasks if task.left <= NOTHING_LEFT]
        self._tasks = [task for task in self._tasks if task.left > NOTHING_LEFT]
        self._set_timer()
        for task in done:
            task.on_done()


class Process:
    """Does one thing after another, as an event loop or an engine does."""

    def __init__(self, cores: SharedCores) -> None:
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
            self._cores.run(first.seconds, first.threads, on_done)
            return
        self._is_busy = False
        then()
        if self._waiting and not self._is_busy:
            self._begin()
