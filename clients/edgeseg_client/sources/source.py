"""What a source of frames is: something to iterate over, once, and to close."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from PIL import Image

from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame import Frame
from edgeseg_client.frame_buffer import FrameBuffer
from edgeseg_client.options import Policy
from edgeseg_client.overlay import open_picture


@dataclass(frozen=True, slots=True)
class SourceFrame(Frame):
    """A frame of a source; its `id` is its position in the source, from 0."""

    label: str = ""
    """The name of its file; empty if it has none."""
    seconds: float | None = None
    """Its time in a video, in seconds; None if it is not of a video."""

    def picture(self) -> Image.Image:
        """The frame as an upright RGB picture, to draw on; raises `InvalidRequest`."""
        if isinstance(self.image, FrameBuffer):
            raise InvalidRequest("a frame in shared memory belongs to the daemon once it is sent")
        return open_picture(self.image)


class Source(ABC):
    """Frames of a camera, a video or a folder, by name.

    Iterate over it once; an error that ends it is a `SourceError`.
    """

    is_live: bool = False
    """Whether frames come at a camera's pace and grow old."""

    def __init__(self, name: str) -> None:
        self.name: str = printable(name)
        """Its name, in printable characters, for terminals, pages and brokers."""
        self.on_state: Callable[[str], None] = lambda _: None
        """Is called, in the thread that iterates, with the reason whenever a live source is lost,
        and with "" when it is back."""
        self._closed = threading.Event()

    @property
    def policy(self) -> Policy:
        """The policy that fits: `latest` for a live source, else `every`."""
        return "latest" if self.is_live else "every"

    @abstractmethod
    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames, each when it is captured."""

    def close(self) -> None:
        """End the iteration soon; another thread may call this."""
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def printable(name: str) -> str:
    """A name in which what cannot be printed, or sent as UTF-8, is replaced by U+FFFD."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in name)


class FrameTimer:
    """Spaces frames as they were captured, or by a number of frames per second.

    A frame that comes late does not delay those after it.
    """

    def __init__(self, closed: threading.Event) -> None:
        self._closed = closed
        self._begun = time.monotonic()

    def wait(self, seconds: float) -> None:
        """Return `seconds` after the beginning, or at once if that is past or the source closed."""
        self._closed.wait(max(0.0, self._begun + seconds - time.monotonic()))
