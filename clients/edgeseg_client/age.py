"""How old a frame is, whatever is done to the wall clock meanwhile."""

from __future__ import annotations

import time
from operator import index


class FrameAge:
    """Counts from a capture; to be made when the client gets the frame.

    `captured_unix_ns` is the capture by the wall clock, in nanoseconds; None: now. It is compared
    with that clock once, here. From then on a monotonic clock counts, for the other may be stepped
    while the frame waits. Raises `TypeError` for what is no whole number.
    """

    def __init__(self, captured_unix_ns: int | None = None) -> None:
        now = time.time_ns()
        self.captured_unix_ns = now if captured_unix_ns is None else index(captured_unix_ns)
        """The capture by the wall clock."""
        before = max(0, now - self.captured_unix_ns)  # 0 for a capture in the future
        self._captured = time.monotonic_ns() - before

    def microseconds(self) -> int:
        """Whole microseconds since the capture."""
        return (time.monotonic_ns() - self._captured) // 1000
