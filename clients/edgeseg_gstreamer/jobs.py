"""What the segmenter takes, and what it calls with the outcome."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

from edgeseg_gstreamer.no_mask import NoMask

if TYPE_CHECKING:
    from edgeseg_client import ImageLike, Result


class Job(Protocol):
    """A picture to segment."""

    key: int
    captured_unix_ns: int | None

    def opened(self) -> AbstractContextManager[ImageLike]:
        """The picture, which can be read within the context."""


_Job_contra = TypeVar("_Job_contra", bound=Job, contravariant=True)


class Listener(Protocol[_Job_contra]):
    """Is called in threads of the segmenter."""

    def on_result(self, job: _Job_contra, result: Result) -> None:
        """The picture was segmented."""

    def on_no_mask(self, key: int, reason: NoMask, message: str) -> None:
        """The picture gets no mask."""

    def on_away(self, message: str) -> None:
        """No daemon answers; the segmenter tries again."""

    def on_back(self) -> None:
        """The daemon answers, for the first time or again."""

    def on_refused(self, error: Exception) -> None:
        """The options, the token or the address are wrong; the segmenter has ended."""
