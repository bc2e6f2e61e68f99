"""Recordings of streams: the frames as they were sent, and what came back.

A file begins with a line that names the format. Each frame is a line of JSON, followed by as many
bytes as it says: the frame as a message `edgeseg.v1.Frame`, then its labels as a PNG. A frame
whose picture could not be had is without the first. A file that was cut off is read up to its last
whole frame.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from edgeseg_client.errors import WrongSource
from edgeseg_client.info import ClassInfo
from edgeseg_client.sources.following import AnsweredFrame
from edgeseg_client.sources.recorded_frame import (
    read_answer,
    read_class_info,
    read_frame,
    source_name,
)
from edgeseg_client.sources.recording_entry import damaged, read_entries
from edgeseg_client.sources.source import FrameTimer, Source, SourceFrame

log = logging.getLogger(__name__)

SUFFIX: Final = ".edgeseg"
_MAX_PAUSE: Final = 3600.0
"""Seconds; boards without a clock of their own set it, by months, once they have a network."""


class RecordedFrames(Source):
    """The frames of a recording, as long after one another as they were captured.

    Of a recording of several sources, labels begin with the name of the source.
    """

    is_live = True

    def __init__(self, name: str, path: Path, *, speed: float = 1.0) -> None:
        super().__init__(name)
        self._path = path
        self._speed = speed

    def __iter__(self) -> Iterator[SourceFrame]:
        several = len(self.source_names()) > 1
        for number, answered in enumerate(self.answered()):
            frame, label = answered.frame, answered.frame.label
            if several:  # two of them may have files of the same name
                label = f"{answered.source.name}-{label or f'{frame.id:06}'}"
            yield replace(frame, id=number, label=label, captured_unix_ns=time.time_ns())

    def source_names(self) -> list[str]:
        """The sources that were recorded, up to where the file is cut off or damaged."""
        names: dict[str, None] = {}
        with suppress(WrongSource, ValueError):  # `answered` raises it, after what is whole
            for entry in read_entries(self._path, with_bytes=False):
                names[source_name(entry)] = None
        return list(names)

    def answered(self) -> Iterator[AnsweredFrame]:
        """The frames together with the recorded answers, at the recording's pace.

        Pauses of more than an hour are left out, with a warning.
        """
        timer, elapsed, before = FrameTimer(self._closed), 0.0, None
        for answered in read_recording(self._path):
            captured = answered.frame.captured_unix_ns
            if captured is not None:
                pause = 0.0 if before is None else (captured - before) / 1e9
                if abs(pause) > _MAX_PAUSE:
                    log.warning("%s: the clock was set, or nothing came for hours", self._path)
                    pause = 0.0
                elapsed, before = elapsed + pause, captured
            timer.wait(elapsed / self._speed)
            if self._closed.is_set():
                return
            yield answered


def read_recording(path: Path) -> Iterator[AnsweredFrame]:
    """All frames of a recording and their answers.

    Raises `WrongSource` if it is not one, or where it is damaged.
    """
    sources: dict[str, Source] = {}
    classes: tuple[ClassInfo, ...] = ()
    for entry in read_entries(path):
        try:
            if "classes" in entry.line:
                classes = tuple(map(read_class_info, entry.line.items("classes")))
            name = source_name(entry)
            frame, answer = read_frame(entry), read_answer(entry, classes)
        except ValueError as error:
            raise damaged(path, entry.number, error) from error
        yield AnsweredFrame(sources.setdefault(name, _Recorded(name)), frame, answer)


class _Recorded(Source):
    """The name of a recorded source."""

    is_live = True

    def __iter__(self) -> Iterator[SourceFrame]:
        return iter(())
