"""In which order a stream's answers are given."""

from __future__ import annotations

from collections.abc import Callable

from edgeseg_client.answer import FrameAnswer


class AnswerOrder:
    """Calls `deliver` with each answer: as it comes, or `in_order`, in the order of the frames.

    In the order of the frames an answer is held back until all before it were given. Frames are
    numbered from 0 by their keys.
    """

    def __init__(self, deliver: Callable[[FrameAnswer], None], *, in_order: bool) -> None:
        self._deliver = deliver
        self._in_order = in_order
        self._next = 0
        self._held_back: dict[int, FrameAnswer] = {}

    def answered(self, key: int, answer: FrameAnswer) -> None:
        """The frame of that key has its answer, the only one."""
        if not self._in_order:
            self._deliver(answer)
            return
        self._held_back[key] = answer
        while (turn := self._held_back.pop(self._next, None)) is not None:
            self._next += 1
            self._deliver(turn)

    def end(self) -> None:
        """The stream ended early: gives what was held back for frames that get no answer."""
        for key in sorted(self._held_back):
            self._deliver(self._held_back.pop(key))
