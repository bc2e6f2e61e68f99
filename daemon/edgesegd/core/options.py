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
    OUTPUT_TENSOR = "output_tensor"
    """The model's own output, as an interpreter of its whole graph holds it."""


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


def check_result_size(
    width: int, height: int, outputs: frozenset[Output], largest: int, *, tensor: int = 0
) -> None:
    """Raise InvalidOptions for results that take more than `largest` bytes together.

    `tensor` is the size of the model's own output, bytes, which counts where it is asked for.
    """
    planes = max(1, len(outputs & ONE_BYTE_A_PIXEL))
    masks = width * height * planes
    beside = tensor if Output.OUTPUT_TENSOR in outputs else 0
    if masks + beside > largest:
        also = f" and the model's own output {beside:,}" if beside else ""
        raise InvalidOptions(
            f"masks of {width}x{height} pixels have {masks:,} bytes{also}, more than "
            f"the {largest:,} that are given here; ask for a smaller size or fewer outputs"
        )
