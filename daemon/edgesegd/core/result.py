"""The result for a segmented frame, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final

from edgesegd.core.model import NO_MODEL, ModelIdentity
from edgesegd.core.options import Output
from edgesegd.core.reuse import Reused


class Stage(StrEnum):
    """A stage of processing a frame, whose time is measured."""

    QUEUED = "queued"
    DECODE = "decode"
    PREPROCESS = "preprocess"
    INVOKE = "invoke"
    LABELS = "labels"
    ENCODE = "encode"


@dataclass(frozen=True, slots=True)
class Outlines:
    """The outlines of a class: `points` are native float32 x, y, x, y, …, of one after another.

    For each outline `lengths` has its number of points, a native uint32, and `holes` a byte, 1 for
    a hole.
    """

    points: bytes = b""
    lengths: bytes = b""
    holes: bytes = b""

    @property
    def blobs(self) -> tuple[bytes, ...]:
        """All that it holds."""
        return self.points, self.lengths, self.holes


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """One class that was found.

    `area` is in pixels; `box` is x, y, width, height in pixels; `rle` is native uint32 run lengths,
    `rle_compressed` COCO's string for them. What was not requested is None or 0.
    """

    class_id: int
    area: int = 0
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    mean_confidence: float | None = None
    rle: bytes | None = None
    rle_compressed: bytes | None = None
    outlines: Outlines | None = None

    @property
    def blobs(self) -> tuple[bytes | None, ...]:
        """All that has no fixed size."""
        outlines = (None,) * 3 if self.outlines is None else self.outlines.blobs
        return self.rle, self.rle_compressed, *outlines


CANCELLED: Final = "cancelled"
"""The outcome of a frame whose client left before the answer."""


@dataclass(frozen=True, slots=True)
class FrameResult:
    """The results for one frame; its `outcome` is named as those of errors are.

    `width` x `height` is the size of every mask, `frame_size` the size of the decoded frame, all in
    pixels. `planes` holds the outputs that are bytes. `seconds` is the time of each stage; there is
    no INVOKE if the result is `reused` from an earlier frame. The front fills in `delegate` and
    `model`, which made the result.
    """

    outcome: ClassVar[str] = "ok"

    width: int
    height: int
    frame_size: tuple[int, int]
    planes: dict[Output, bytes] = field(default_factory=dict)
    segments: tuple[SegmentResult, ...] = ()
    seconds: dict[Stage, float] = field(default_factory=dict)
    delegate: str = ""
    model: ModelIdentity = NO_MODEL
    reused: Reused | None = None

    @property
    def size(self) -> int:
        """Bytes of its masks."""
        blobs = [blob for found in self.segments for blob in found.blobs if blob is not None]
        return sum(map(len, self.planes.values())) + sum(map(len, blobs))
