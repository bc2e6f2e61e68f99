"""Encodes class ids as the outputs that were requested."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgesegd.core.options import NO_CLASS, Output, ResultOptions
from edgesegd.core.result import FrameResult, Outlines, SegmentResult
from edgesegd.imaging.geometry import Size
from edgesegd.imaging.labels import Labels, Scores
from edgesegd.imaging.mask import Mask
from edgesegd.imaging.rle import Bools, compress_rle, encode_rle
from edgesegd.models.spec import ModelSpec

NO_CLASS_COLOR = (128, 128, 128)
PNG_COMPRESSION = 1
"""zlib's fastest level: masks have large flat areas, so more effort gains little."""

BLOCK = 1 << 18
"""Pixels that are counted at a time."""

Counts = npt.NDArray[np.int64]
Sums = npt.NDArray[np.float64]
BY_CLASS = frozenset(
    {
        Output.RLE,
        Output.RLE_COMPRESSED,
        Output.POLYGONS,
        Output.STATISTICS,
        Output.CONFIDENCE,
    }
)
"""The outputs that each class has of its own."""


class Encoder:
    """Encodes the masks of one model."""

    def __init__(self, model: ModelSpec) -> None:
        colors = [model.class_spec(label).color for label in range(NO_CLASS)]
        self._palette = bytes(value for color in (*colors, NO_CLASS_COLOR) for value in color)

    def encode_mask(self, mask: Mask, options: ResultOptions, frame: Size) -> FrameResult:
        """Encode the `mask` of a frame of size `frame` as `options` request."""
        labels = keep_classes(mask.labels, options.classes)
        height, width = labels.shape
        planes: dict[Output, bytes] = {}
        if Output.LABELS in options.outputs:
            planes[Output.LABELS] = labels.tobytes()
        if Output.LABELS_PNG in options.outputs:
            planes[Output.LABELS_PNG] = self.encode_png(labels)
        if Output.CONFIDENCE_MAP in options.outputs and mask.scores is not None:
            planes[Output.CONFIDENCE_MAP] = encode_scores(mask.scores)
        segments = find_segments(Mask(labels, mask.scores), options)
        return FrameResult(width, height, frame, planes, segments)

    def encode_png(self, labels: Labels) -> bytes:
        """An indexed PNG whose pixel values are class ids and whose palette is the model's."""
        image = Image.fromarray(labels)
        image.putpalette(self._palette)
        file = io.BytesIO()
        image.save(file, "PNG", compress_level=PNG_COMPRESSION)
        return file.getvalue()


def encode_scores(scores: Scores) -> bytes:
    """One byte per pixel, 255 for 1.0; clips what is over 1 (quantized models) or NaN (broken)."""
    stored: Labels = np.rint(np.nan_to_num(scores).clip(0, 1) * 255).astype(np.uint8)
    return stored.tobytes()


def keep_classes(labels: Labels, wanted: Sequence[int]) -> Labels:
    """`labels` with 255 for every class that is not in `wanted`; if that is empty, all are kept."""
    if not wanted:
        return labels
    table = np.full(256, NO_CLASS, np.uint8)
    table[list(wanted)] = wanted
    return table[labels]


def find_segments(mask: Mask, options: ResultOptions) -> tuple[SegmentResult, ...]:
    """Each class in the mask, in the order of ids, with the outputs that `options` request.

    Raises InvalidOptions if polygons are requested and have more points than are allowed.
    """
    outputs = options.outputs
    if outputs.isdisjoint(BY_CLASS):
        return ()
    outlines: dict[int, Outlines] | None = None
    if Output.POLYGONS in outputs:
        # Imported here: few clients want polygons, and every engine would start 8 ms later.
        from edgesegd.imaging.polygons import find_outlines  # noqa: PLC0415

        outlines = find_outlines(mask.labels, options.polygons)
    areas, sums = count_classes(mask if Output.CONFIDENCE in outputs else Mask(mask.labels, None))
    segments = []
    for class_id in np.flatnonzero(areas[:NO_CLASS]).tolist():
        member = mask.labels == class_id
        area = int(areas[class_id])
        rle = compressed = None
        if not outputs.isdisjoint({Output.RLE, Output.RLE_COMPRESSED}):
            runs = encode_rle(member)
            rle = runs.tobytes() if Output.RLE in outputs else None
            compressed = compress_rle(runs) if Output.RLE_COMPRESSED in outputs else None
        segments.append(
            SegmentResult(
                class_id=class_id,
                area=area if Output.STATISTICS in outputs else 0,
                box=bounding_box(member) if Output.STATISTICS in outputs else (0, 0, 0, 0),
                mean_confidence=None if sums is None else float(sums[class_id]) / area,
                rle=rle,
                rle_compressed=compressed,
                outlines=None if outlines is None else outlines.get(class_id, Outlines()),
            )
        )
    return tuple(segments)


def count_classes(mask: Mask) -> tuple[Counts, Sums | None]:
    """The number of pixels of each of 256 labels, and the sums of their scores, if there are any.

    Counted in blocks, because numpy needs 8 bytes for every pixel that it counts, 16 with scores.
    """
    areas, sums = np.zeros(256, np.int64), np.zeros(256)
    flat = mask.labels.ravel()
    scores = None if mask.scores is None else mask.scores.ravel()
    for start in range(0, flat.size, BLOCK):
        block = slice(start, start + BLOCK)
        areas += np.bincount(flat[block], minlength=256)
        if scores is not None:
            sums += np.bincount(flat[block], weights=scores[block], minlength=256)
    return areas, None if scores is None else sums


def bounding_box(member: Bools) -> tuple[int, int, int, int]:
    """x, y, width and height of the smallest box around the true pixels; there must be one."""
    columns, rows = np.flatnonzero(member.any(axis=0)), np.flatnonzero(member.any(axis=1))
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1
