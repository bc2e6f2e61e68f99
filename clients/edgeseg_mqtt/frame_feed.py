"""Takes frames from a source at a steady rate, and keeps each until it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from edgeseg_client.sources import Source, SourceFrame
from edgeseg_client.sources.live import LiveSource


@dataclass(frozen=True, slots=True)
class TakenFrame:
    """A frame of the source, and when it was taken, in seconds of `time.monotonic`."""

    frame: SourceFrame
    taken: float


class FrameFeed:
    """The frames of a source, `fps` a second at most.

    A live source is read all the time, and frames in between are left out; others wait. Each
    iteration opens the source anew, with `open_source`.
    """

    def __init__(self, open_source: Callable[[], Source], fps: float) -> None:
        self._open_source = open_source
        self._period = 1 / fps
        self._waiting: dict[int, TakenFrame] = {}
        self._source: Source | None = None
        self._number = 0

    def __iter__(self) -> Iterator[SourceFrame]:
        due = time.monotonic()
        with self._open_source() as source:
            self._source = source
            for frame in source:
                early = due - time.monotonic()
                if early > 0:
                    if source.is_live:
                        continue
                    time.sleep(early)
                now = time.monotonic()
                due = max(due + self._period, now)
                number, self._number = self._number, self._number + 1
                self._waiting[number] = TakenFrame(frame, now)
                yield replace(frame, id=number)

    @property
    def is_of_camera(self) -> bool:
        """Whether the source that was opened last is a camera or an address, and not of files."""
        return isinstance(self._source, LiveSource)

    def take_answered(self, number: int) -> TakenFrame | None:
        """The frame of that id, which is not kept any longer."""
        return self._waiting.pop(number, None)

    def close(self) -> None:
        """Ends the iteration soon, and forgets the frames that were not answered."""
        if self._source is not None:
            self._source.close()
        self._waiting.clear()
