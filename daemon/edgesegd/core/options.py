"""What a client wants back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edgesegd.core.errors import InvalidOptions

NO_CLASS = 255
"""The label of a pixel that has no class, or none that was asked for."""


class Output(StrEnum):
    """One kind of result."""

    LABELS = "labels"
    LABELS_PNG = "labels_png"
    RLE = "rle"
    POLYGONS = "polygons"
    STATISTICS = "statistics"
    CONFIDENCE = "confidence"
    CONFIDENCE_MAP = "confidence_map"


SERVED = tuple(output for output in Output if output is not Output.POLYGONS)
"""The outputs that this daemon gives."""

ONE_BYTE_A_PIXEL = frozenset({Output.LABELS, Output.CONFIDENCE_MAP})
"""The outputs whose size is known before there is a mask."""
NEEDS_SCORES = frozenset({Output.CONFIDENCE, Output.CONFIDENCE_MAP})


class SizeMode(StrEnum):
    """Which size results have."""

    MODEL = "model"
    FRAME = "frame"
    CUSTOM = "custom"


class ResizePolicy(StrEnum):
    """How a frame of another aspect ratio is fitted into the model's input."""

    STRETCH = "stretch"
    LETTERBOX = "letterbox"
    CROP = "crop"


@dataclass(frozen=True, slots=True)
class ResultOptions:
    """What is returned for a frame.

    `width` and `height` (pixels) belong to SizeMode.CUSTOM. `classes` are the ids wanted; empty:
    all of them.
    """

    outputs: frozenset[Output] = frozenset({Output.LABELS})
    size: SizeMode = SizeMode.MODEL
    width: int = 0
    height: int = 0
    resize: ResizePolicy = ResizePolicy.STRETCH
    classes: tuple[int, ...] = ()


def check_result_size(width: int, height: int, outputs: frozenset[Output], largest: int) -> None:
    """Raise InvalidOptions for masks that take more than `largest` bytes together."""
    planes = max(1, len(outputs & ONE_BYTE_A_PIXEL))
    if width * height * planes > largest:
        raise InvalidOptions(
            f"masks of {width}x{height} pixels have {width * height * planes:,} bytes, more than "
            f"the {largest:,} that are given here; ask for a smaller size or fewer outputs"
        )
