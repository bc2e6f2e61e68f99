"""Whether an engine answers in time; time in which this process was stopped does not count."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edgesegd.concurrency.stop_tolerant_timeout import GRACE_SECONDS, LATE_SECONDS


@dataclass(slots=True)
class _Question:
    """A question with `seconds` for its answer, `due` at a time of the loop once it is the oldest.

    `overdue` is whether that time has passed and the moment of grace runs.
    """

    seconds: float
    due: float = math.inf
    overdue: bool = False


class AnswerWatch:
    """Watches questions that are answered in the order in which they were asked.

    If the oldest question is not answered in its seconds, `on_overdue` is called once with them.
    They count from when it was asked, or became the oldest: until then others were answered.
    After this process was stopped (SIGSTOP), answers that arrived in that time are not read yet. So
    there is always a moment of grace to read them, and after a long stop the question's time begins
    again, as in `done_within`. One timer serves all questions.
    """

    def __init__(self, on_overdue: Callable[[float], None]) -> None:
        self._on_overdue = on_overdue
        self._loop = asyncio.get_running_loop()
        self._questions: deque[_Question] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def asked(self, seconds: float) -> None:
        """A question was asked; its answer may take `seconds`."""
        self._questions.append(_Question(seconds))
        if len(self._questions) == 1:
            self._begin_oldest()

    def answered(self) -> None:
        """The oldest question is answered."""
        self._questions.popleft()
        if self._questions:
            self._begin_oldest()

    def close(self) -> None:
        """Forget all questions."""
        self._questions.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _begin_oldest(self) -> None:
        oldest = self._questions[0]
        oldest.due = self._loop.time() + oldest.seconds
        if self._timer is not None and self._timer.when() > oldest.due:
            self._timer.cancel()  # an older question had more time
            self._timer = None
        if self._timer is None:
            self._set_timer()

    def _set_timer(self) -> None:
        self._timer = self._loop.call_at(self._questions[0].due, self._check)

    def _check(self) -> None:
        scheduled = self._timer.when() if self._timer is not None else self._loop.time()
        self._timer = None
        if not self._questions:
            return
        oldest, now = self._questions[0], self._loop.time()
        if now - scheduled > LATE_SECONDS:
            oldest.due, oldest.overdue = now + oldest.seconds, False
        elif now < oldest.due:
            pass  # the timer was set for an older question, which is answered
        elif not oldest.overdue:
            oldest.due, oldest.overdue = now + GRACE_SECONDS, True
        else:
            self.close()
            self._on_overdue(oldest.seconds)
            return
        self._set_timer()
