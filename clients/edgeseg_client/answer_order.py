"""In which order a stream's answers are given."""

from __future__ import annotations

from collections.abc import Callable

from edgeseg_client.answer import FrameAnswer


class AnswerOrder:
    """Calls `give` with each answer: as it comes, or `as_sent`, in the order of the frames.

    In the order of the frames an answer is held back until all before it were given. Frames are
    numbered from 0 by their keys.
    """

    def __init__(self, give: Callable[[FrameAnswer], None], *, as_sent: bool) -> None:
        self._give = give
        self._as_sent = as_sent
        self._next = 0
        self._early: dict[int, FrameAnswer] = {}

    def answered(self, key: int, answer: FrameAnswer) -> None:
        """The frame of that key has its answer, the only one."""
        if not self._as_sent:
            self._give(answer)
            return
        self._early[key] = answer
        while (turn := self._early.pop(self._next, None)) is not None:
            self._next += 1
            self._give(turn)

    def end(self) -> None:
        """The stream ended early: gives what was held back for frames that get no answer."""
        for key in sorted(self._early):
            self._give(self._early.pop(key))
