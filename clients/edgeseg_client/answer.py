"""The answer to one frame of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeseg_client.polygon import Part
from edgeseg_client.result import LabelMap, Mask, Result, ScoreMap
from edgeseg_client.segment import Segment
from edgeseg_client.status import Status, frame_error
from edgeseg_client.timing import Timing

if TYPE_CHECKING:
    from PIL import Image

    from edgeseg_client.overlay import Picture


@dataclass(frozen=True)
class FrameAnswer:
    """The answer to a frame: a result, or why there is none.

    The fields of the result can be read from the answer itself: `answer.labels` is
    `answer.result.labels`. If there is no result, they raise the `FrameError` for the status.
    """

    frame_id: int
    """The id that the caller gave the frame; by default its position in the stream, from 0."""
    status: Status
    """What became of the frame."""
    message: str
    """Why there is no result; empty if `ok`."""
    latency: float
    """Seconds from when the stream got the frame to when the answer arrived."""
    timing: Timing | None = None
    """How long each stage took in the daemon; None if the daemon did not get the frame."""
    segmented: Result | None = None
    """The result; None if there is none."""

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.status is Status.OK

    @property
    def failed(self) -> bool:
        """Whether something went wrong.

        A frame that was superseded or expired has no result, but did not fail.
        """
        return self.status not in {Status.OK, Status.SUPERSEDED, Status.EXPIRED}

    @property
    def result(self) -> Result:
        """The result; if there is none, raises the `FrameError` for the status."""
        if self.segmented is None:
            raise frame_error(self.status, self.message)
        return self.segmented

    @property
    def labels(self) -> LabelMap:
        """`Result.labels`."""
        return self.result.labels

    @property
    def confidence_map(self) -> ScoreMap:
        """`Result.confidence_map`."""
        return self.result.confidence_map

    @property
    def segments(self) -> tuple[Segment, ...]:
        """`Result.segments`."""
        return self.result.segments

    @property
    def classes(self) -> dict[str, Segment]:
        """`Result.classes`."""
        return self.result.classes

    @property
    def shares(self) -> dict[str, float]:
        """`Result.shares`."""
        return self.result.shares

    def share(self, wanted: int | str) -> float:
        """`Result.share`."""
        return self.result.share(wanted)

    def mask(self, wanted: int | str) -> Mask:
        """`Result.mask`."""
        return self.result.mask(wanted)

    def polygons(self, wanted: int | str | None = None) -> list[Part]:
        """`Result.polygons`."""
        return self.result.polygons(wanted)

    def overlay(self, picture: Picture, *, alpha: float = 0.5, legend: bool = True) -> Image.Image:
        """`Result.overlay`."""
        return self.result.overlay(picture, alpha=alpha, legend=legend)

    def _repr_png_(self) -> bytes | None:
        return None if self.segmented is None else self.segmented._repr_png_()  # IPython's
