"""Pictures in files, as a source."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeseg_client.sources.source import FrameTimer, Source, SourceFrame


class Pictures(Source):
    """Files, one after another, `rounds` times (0: endlessly); at most `fps` per second."""

    def __init__(
        self, name: str, pictures: Sequence[Path], *, fps: float | None = None, rounds: int = 1
    ) -> None:
        super().__init__(name)
        self.pictures = pictures
        self.is_live = fps is not None
        self._fps = fps
        self._rounds = rounds

    def __iter__(self) -> Iterator[SourceFrame]:
        timer = FrameTimer(self._closed)
        turns = itertools.count() if self._rounds == 0 else range(self._rounds)
        for position, path in enumerate(path for _ in turns for path in self.pictures):
            if self._fps is not None:
                timer.wait(position / self._fps)
            if self._closed.is_set():
                return
            yield SourceFrame(_read(path), position, time.time_ns(), path.name)


def _read(path: Path) -> bytes | Path:
    """The file's bytes: it may be replaced while its frame is on the way, and a mask drawn on it.

    Its path if it cannot be read; then the frame fails, and its error says why.
    """
    try:
        return path.read_bytes()
    except OSError:
        return path
