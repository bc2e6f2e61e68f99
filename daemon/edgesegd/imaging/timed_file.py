"""A file in memory that can only be read for a limited time."""

from __future__ import annotations

import io
import time
from bisect import bisect_right
from collections.abc import Sequence


class TimeIsOver(Exception):
    """The file's time is over."""


class TimedFile(io.BytesIO):
    """A file in memory that can be read until this thread has used `seconds` of CPU time.

    Decoders read an encoded picture in blocks, so they end soon after that time, without a signal
    or a separate process.
    """

    def __init__(self, data: bytes | memoryview, seconds: float) -> None:
        super().__init__(data)
        self._end = time.thread_time() + seconds
        self._stops: Sequence[int] = ()

    def stop_reads_at(self, offsets: Sequence[int]) -> None:
        """Let no read cross the next of these ascending offsets.

        So the time is checked more often where a few bytes of a file mean much work.
        """
        self._stops = offsets

    def read(self, size: int | None = -1, /) -> bytes:
        """Read like a file; raises TimeIsOver."""
        if time.thread_time() > self._end:
            raise TimeIsOver
        if self._stops and size is not None and size > 0:
            at = self.tell()
            following = bisect_right(self._stops, at)
            if following < len(self._stops):
                size = min(size, self._stops[following] - at)
        return super().read(size)
