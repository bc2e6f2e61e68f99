"""Decodes the bytes of a frame to a picture."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from edgesegd.core.frame import (
    ENCODED,
    WITH_CHROMA,
    FrameFormat,
    FrameSpec,
)
from edgesegd.core.options import ResizePolicy
from edgesegd.core.raw_frame import rows_of
from edgesegd.imaging.geometry import Size, fit
from edgesegd.imaging.picture_file import decode_file
from edgesegd.imaging.raw_rows import array_image, every_step, rows_array, rows_image
from edgesegd.imaging.reduced_scale import reduced_scale_for
from edgesegd.imaging.yuv import BT601_LIMITED, RgbMatrix, rgb_matrix, split_planes

RAW_MODES = {
    FrameFormat.RGB: ("RGB", "RGB"),
    FrameFormat.BGR: ("RGB", "BGR"),
    FrameFormat.RGBA: ("RGBX", "RGBX"),
    FrameFormat.BGRA: ("RGB", "BGRX"),
    FrameFormat.GRAY8: ("L", "L"),
}
"""Pillow's mode in memory and its name for the bytes; RGBX and L are used in place."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame.

    `pixels` may be smaller than the frame, if a JPEG was decoded at reduced scale or rows of a raw
    frame were skipped. `size` is the frame's own size, with its orientation applied. If there is
    `chroma` (U and V, of any size), `pixels` is Y; after resizing they are converted to RGB by the
    `matrix`.
    """

    pixels: Image.Image
    size: Size
    chroma: tuple[Image.Image, Image.Image] | None = None
    matrix: RgbMatrix = BT601_LIMITED


def decode_frame(
    spec: FrameSpec,
    data: memoryview,
    *,
    model_input: Size,
    resize: ResizePolicy,
    max_pixels: int,
    max_seconds: float,
) -> Picture:
    """Decode a checked frame, at least about as large as the model's input needs it.

    A raw picture may refer to `data`, so it must not be used longer than `data`. Raises
    InvalidFrame, also for a file with more than `max_pixels`, or one that takes longer than about
    `max_seconds`.
    """
    if spec.format not in ENCODED:
        return _raw_picture(spec, data, model_input, resize)
    pixels, size = decode_file(
        spec.format,
        data,
        model_input=model_input,
        resize=resize,
        max_pixels=max_pixels,
        max_seconds=max_seconds,
    )
    return Picture(pixels, size)


def _raw_picture(
    spec: FrameSpec, data: memoryview, model_input: Size, resize: ResizePolicy
) -> Picture:
    size = (spec.width, spec.height)
    if spec.format not in WITH_CHROMA:
        needed = fit(size, model_input, resize).decode_size[1]
        step = spec.height // (reduced_scale_for(model_input).rows * needed) or 1
        return Picture(_raw_pixels(spec, data, step), size)
    luma, *chroma = split_planes(spec, data)
    return Picture(luma, size, (chroma[0], chroma[1]), rgb_matrix(spec.yuv_range, spec.yuv_matrix))


def _raw_pixels(spec: FrameSpec, data: memoryview, step: int) -> Image.Image:
    """Every `step`th row; of 16 bits the upper 8. RGBX and L may refer to `data`."""
    rows = every_step(rows_of(spec)[0], step)
    if spec.format is FrameFormat.GRAY16:
        return array_image(rows_array(rows, data)[:, 1::2])
    mode, raw_mode = RAW_MODES[spec.format]
    return rows_image(mode, raw_mode, spec.width, rows, data)
