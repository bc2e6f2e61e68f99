"""The frames of `edgeseg stream`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from edgeseg_client.cli.exit_codes import UsageError
from edgeseg_client.cli.pictures import find_pictures
from edgeseg_client.frame import Frame

_VIDEO_SUFFIXES: Final = {".avi", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4", ".webm"}


def open_folder(source: str) -> list[Path]:
    """The pictures of a folder, sorted by name.

    Raises `UsageError` if it is not a folder; for a camera or a video the message says what to do.
    """
    path = Path(source)
    if path.is_dir():
        return find_pictures([source])
    live = source.isdecimal() or source.startswith("/dev/") or "://" in source
    if live or path.suffix.lower() in _VIDEO_SUFFIXES:
        raise UsageError(
            f"{source}: cameras and videos are not read yet; give a folder of pictures, or send the"
            " frames with edgeseg_client.Client.stream"
        )
    raise UsageError(f"{source} is not a folder; give a folder of pictures")


def play(pictures: Sequence[Path], *, fps: float | None, rounds: int) -> Iterator[Frame]:
    """Yields the pictures `rounds` times (0: endlessly), at most `fps` per second.

    A frame that is taken late does not delay the frames after it.
    """
    begun = time.monotonic()
    turns = itertools.count() if rounds == 0 else range(rounds)
    for position, path in enumerate(path for _ in turns for path in pictures):
        if fps is not None:
            time.sleep(max(0.0, begun + position / fps - time.monotonic()))
        yield Frame(path)
