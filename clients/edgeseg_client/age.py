"""How old a frame is, even if the wall clock is set in the meantime."""

from __future__ import annotations

import time
from operator import index


class FrameAge:
    """The time since a frame's capture; create it when the client gets the frame.

    `captured_unix_ns` is the capture time by the wall clock, in nanoseconds; None means now. The
    constructor compares it with the wall clock. After that a monotonic clock counts, because the
    wall clock may be set while the frame waits. Raises `TypeError` if it is not a whole number.
    """

    def __init__(self, captured_unix_ns: int | None = None) -> None:
        now = time.time_ns()
        self.captured_unix_ns = now if captured_unix_ns is None else index(captured_unix_ns)
        """The capture time by the wall clock, in nanoseconds."""
        before = max(0, now - self.captured_unix_ns)  # 0 for a capture in the future
        self._captured = time.monotonic_ns() - before

    def microseconds(self) -> int:
        """Whole microseconds since the capture."""
        return (time.monotonic_ns() - self._captured) // 1000
