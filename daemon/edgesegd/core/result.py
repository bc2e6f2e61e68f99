"""The result for a segmented frame, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from edgesegd.core.model import NO_MODEL, ModelIdentity
from edgesegd.core.options import Output


class Stage(StrEnum):
    """A stage of processing a frame, whose time is measured."""

    QUEUED = "queued"
    DECODE = "decode"
    PREPROCESS = "preprocess"
    INVOKE = "invoke"
    LABELS = "labels"
    ENCODE = "encode"


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """One class that was found.

    `area` is in pixels; `box` is x, y, width, height in pixels; `rle` is native uint32 run lengths.
    What was not requested is None or 0.
    """

    class_id: int
    area: int = 0
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    mean_confidence: float | None = None
    rle: bytes | None = None


@dataclass(frozen=True, slots=True)
class FrameResult:
    """The results for one frame.

    `width` x `height` is the size of every mask, `frame_size` the size of the decoded frame, all in
    pixels. `planes` holds the outputs that are bytes. `seconds` is the time of each stage. The
    front fills in `delegate` and `model`, which made the result.
    """

    width: int
    height: int
    frame_size: tuple[int, int]
    planes: dict[Output, bytes] = field(default_factory=dict)
    segments: tuple[SegmentResult, ...] = ()
    seconds: dict[Stage, float] = field(default_factory=dict)
    delegate: str = ""
    model: ModelIdentity = NO_MODEL

    @property
    def size(self) -> int:
        """Bytes of its masks."""
        lengths = [len(found.rle) for found in self.segments if found.rle is not None]
        return sum(map(len, self.planes.values())) + sum(lengths)
