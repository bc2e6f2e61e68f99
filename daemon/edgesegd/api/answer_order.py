"""The order in which the answers to a stream's frames are sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class AnswerOrder(Generic[Answer]):
    """Calls `send` with each answer: at once or, with `as_sent`, in the order of the frames.

    In the order of the frames, an answer is held back until all before it were sent. The user
    bounds how many are held back, by how many answers it expects at a time.
    """

    def __init__(self, send: Callable[[Answer], None], *, as_sent: bool) -> None:
        self._send = send
        self._as_sent = as_sent
        self._expected: deque[list[Answer]] = deque()

    def expect(self) -> Callable[[Answer], None]:
        """A frame arrived; call the returned function with its answer, once."""
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
        """Send no more answers; drop those that are held back, and the reference to `send`."""
        self._send = lambda _: None
        self._expected.clear()
