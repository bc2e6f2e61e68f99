"""What a client wants back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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
