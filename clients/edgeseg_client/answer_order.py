"""The order in which a stream's answers are delivered."""

from __future__ import annotations

from collections.abc import Callable

from edgeseg_client.answer import FrameAnswer


class AnswerOrder:
    """Calls `deliver` with each answer, as answers arrive or `in_order` of the frames.

    With `in_order` an answer is held back until the answers to all frames before it were delivered.
    Keys of frames count from 0.
    """

    def __init__(self, deliver: Callable[[FrameAnswer], None], *, in_order: bool) -> None:
        self._deliver = deliver
        self._in_order = in_order
        self._next = 0
        self._held_back: dict[int, FrameAnswer] = {}

    def answered(self, key: int, answer: FrameAnswer) -> None:
        """Call it once for each frame, with the frame's key and its answer."""
        if not self._in_order:
            self._deliver(answer)
            return
        self._held_back[key] = answer
        while (due := self._held_back.pop(self._next, None)) is not None:
            self._next += 1
            self._deliver(due)

    def end(self) -> None:
        """Delivers the answers that are held back.

        Call it when the stream ends early: the frames that they wait for get no answer.
        """
        for key in sorted(self._held_back):
            self._deliver(self._held_back.pop(key))
