"""In which order the answers to a stream's frames go out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class AnswerOrder(Generic[Answer]):
    """Calls `send` with each answer: as it comes, or `as_sent`, in the order of the frames.

    In the order of the frames an answer is held back until all before it have gone out; how many
    that can be, its user bounds by how many it expects at a time.
    """

    def __init__(self, send: Callable[[Answer], None], *, as_sent: bool) -> None:
        self._send = send
        self._as_sent = as_sent
        self._expected: deque[list[Answer]] = deque()

    def expect(self) -> Callable[[Answer], None]:
        """A frame came; what is returned is to be called with its answer, once."""
        if not self._as_sent:
            return self._send
        place = list[Answer]()
        self._expected.append(place)

        def answer(answer: Answer) -> None:
            place.append(answer)
            while self._expected and self._expected[0]:
                self._send(self._expected.popleft().pop())

        return answer

    def close(self) -> None:
        """Nobody is sent to any more; what is held back is let go of, and so is the sender."""
        self._send = lambda _: None
        self._expected.clear()
