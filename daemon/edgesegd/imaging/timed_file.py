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
        self._seconds_end = time.thread_time() + seconds
        self._stops: Sequence[int] = ()
        self._data_end: int | None = None
        self._tails: list[bytes] = []

    def stop_reads_at(self, offsets: Sequence[int]) -> None:
        """Let no read cross the next of these ascending offsets.

        So the time is checked more often where a few bytes of a file mean much work.
        """
        self._stops = offsets

    def end_at(self, offset: int, *tails: bytes) -> None:
        """Read each of `tails`, once and in one piece, in place of what comes from `offset` on."""
        self._data_end, self._tails = offset, list(tails)

    def check_time(self) -> None:
        """Raise TimeIsOver if it is."""
        if time.thread_time() > self._seconds_end:
            raise TimeIsOver

    def read(self, size: int | None = -1, /) -> bytes:
        """Read like a file; raises TimeIsOver."""
        if time.thread_time() > self._seconds_end:  # not by check_time: there are many reads
            raise TimeIsOver
        at = self.tell()
        if self._data_end is not None:
            left = self._data_end - at
            if left <= 0:
                return self._tails.pop(0) if self._tails else b""
            size = left if size is None or size < 0 else min(size, left)
        if self._stops and size is not None and size > 0:
            following = bisect_right(self._stops, at)
            if following < len(self._stops):
                size = min(size, self._stops[following] - at)
        return super().read(size)
