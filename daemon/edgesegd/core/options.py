"""The options of a result: outputs, size, resizing and classes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edgesegd.core.errors import InvalidOptions

NO_CLASS = 255
"""The label of a pixel without a class, or with a class that was not requested."""


class Output(StrEnum):
    """One kind of result."""

    LABELS = "labels"
    LABELS_PNG = "labels_png"
    RLE = "rle"
    RLE_COMPRESSED = "rle_compressed"
    """COCO's string of run lengths."""
    POLYGONS = "polygons"
    STATISTICS = "statistics"
    CONFIDENCE = "confidence"
    CONFIDENCE_MAP = "confidence_map"
    OUTPUT_TENSOR = "output_tensor"
    """The model's own output tensor, as an interpreter of its whole graph returns it."""


ONE_BYTE_A_PIXEL = frozenset({Output.LABELS, Output.CONFIDENCE_MAP})
"""The outputs of one byte per pixel, whose size is known before the mask is made."""
NEEDS_SCORES = frozenset({Output.CONFIDENCE, Output.CONFIDENCE_MAP})


class SizeMode(StrEnum):
    """The size of results."""

    MODEL = "model"
    FRAME = "frame"
    CUSTOM = "custom"


class ResizePolicy(StrEnum):
    """How a frame of another aspect ratio is fitted into the model's input."""

    STRETCH = "stretch"
    LETTERBOX = "letterbox"
    CROP = "crop"


MAX_TOLERANCE = 65_535.0
"""No side of a mask is longer, in pixels."""


@dataclass(frozen=True, slots=True)
class PolygonOptions:
    """How polygons are made: `tolerance` in pixels, `min_area` of an outline in pixels.

    Up to the default tolerance the centre of each pixel stays on its side of every outline, so that
    a mask that is drawn by centres is the same; with it about two thirds of the points stay. The
    proof is where outlines are simplified.
    """

    tolerance: float = 0.7
    min_area: int = 0


@dataclass(frozen=True, slots=True)
class ResultOptions:
    """What is returned for a frame.

    `width` and `height` (pixels) are for SizeMode.CUSTOM. `classes` are the ids that are wanted;
    empty for all.
    """

    outputs: frozenset[Output] = frozenset({Output.LABELS})
    size: SizeMode = SizeMode.MODEL
    width: int = 0
    height: int = 0
    resize: ResizePolicy = ResizePolicy.STRETCH
    classes: tuple[int, ...] = ()
    polygons: PolygonOptions = PolygonOptions()


def check_result_size(
    width: int, height: int, outputs: frozenset[Output], largest: int, *, tensor: int = 0
) -> None:
    """Raise InvalidOptions for results that take more than `largest` bytes together.

    `tensor` is the size of the model's own output in bytes; it counts if that is requested.
    """
    planes = max(1, len(outputs & ONE_BYTE_A_PIXEL))
    masks = width * height * planes
    own = tensor if Output.OUTPUT_TENSOR in outputs else 0
    if masks + own > largest:
        and_own = f" and the model's own output {own:,}" if own else ""
        raise InvalidOptions(
            f"masks of {width}x{height} pixels have {masks:,} bytes{and_own}, more than "
            f"the {largest:,} that are allowed; ask for a smaller size or fewer outputs"
        )
