"""Whether an engine answers in time, which counts only while this process runs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edgesegd.ipc.awake import GRACE_SECONDS, LATE_SECONDS


@dataclass(slots=True)
class _Question:
    """What is to be answered by the time `due`; `overdue` is whether it was not."""

    seconds: float
    due: float
    overdue: bool = False


class AnswerWatch:
    """Follows questions that are answered in the order in which they were asked.

    `on_overdue` is called, once, with the seconds that the oldest had where it has no answer then.
    Where this process was stopped meanwhile (SIGSTOP), what came in that time is not read yet: so
    there is a moment to read it, and after a long stop the time begins anew, as in `done_within`.
    A question costs no timer of its own.
    """

    def __init__(self, on_overdue: Callable[[float], None]) -> None:
        self._on_overdue = on_overdue
        self._loop = asyncio.get_running_loop()
        self._questions: deque[_Question] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def asked(self, seconds: float) -> None:
        """A question that has so many seconds."""
        self._questions.append(_Question(seconds, self._loop.time() + seconds))
        if self._timer is None:
            self._look_when_due()

    def answered(self) -> None:
        """The oldest question is answered."""
        self._questions.popleft()

    def close(self) -> None:
        """Nothing is waited for any more."""
        self._questions.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _look_when_due(self) -> None:
        self._timer = self._loop.call_at(self._questions[0].due, self._look)

    def _look(self) -> None:
        scheduled = self._timer.when() if self._timer is not None else self._loop.time()
        self._timer = None
        if not self._questions:
            return
        oldest, now = self._questions[0], self._loop.time()
        if now - scheduled > LATE_SECONDS:
            oldest.due, oldest.overdue = now + oldest.seconds, False
        elif now < oldest.due:
            pass  # those that were due before it are answered
        elif not oldest.overdue:
            oldest.due, oldest.overdue = now + GRACE_SECONDS, True
        else:
            self.close()
            self._on_overdue(oldest.seconds)
            return
        self._look_when_due()
