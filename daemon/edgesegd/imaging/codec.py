"""Decodes the bytes of a frame to a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import PIL
from PIL import Image

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import ENCODED, WITH_CHROMA, FrameFormat, FrameSpec
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.geometry import Size, fit
from edgesegd.imaging.picture_file import decode_file
from edgesegd.imaging.reduced_scale import reduced_scale_for
from edgesegd.imaging.yuv import split_planes

RAW_MODES = {
    FrameFormat.RGB: ("RGB", "RGB"),
    FrameFormat.BGR: ("RGB", "BGR"),
    FrameFormat.RGBA: ("RGBX", "RGBX"),
    FrameFormat.GRAY8: ("L", "L"),
}
"""Pillow's mode in memory and its name for the bytes; RGBX and L are used in place."""

UNPACKS_ANY_BUFFER = tuple(map(int, PIL.__version__.split(".")[:2])) >= (9, 5)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame.

    `pixels` may be smaller than the frame, if a JPEG was decoded at reduced scale or rows of a raw
    frame were skipped. `size` is the frame's own size, with its orientation applied. If there is
    `chroma` (U and V, of any size), `pixels` is Y; they are converted to RGB after resizing.
    """

    pixels: Image.Image
    size: Size
    chroma: tuple[Image.Image, Image.Image] | None = None


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
    try:
        pixels, size = decode_file(
            spec.format,
            data,
            model_input=model_input,
            resize=resize,
            max_pixels=max_pixels,
            max_seconds=max_seconds,
        )
    except (InvalidFrame, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 # Pillow raises nearly everything
        why = str(error) or type(error).__name__
        raise InvalidFrame(f"the {spec.format.value.upper()} is damaged: {why}") from None
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
    return Picture(luma, size, (chroma[0], chroma[1]))


def _raw_pixels(spec: FrameSpec, data: memoryview, step: int) -> Image.Image:
    """Every `step`th row; without a copy if Pillow supports it: RGBX and L, padded at the end."""
    mode, raw_mode = RAW_MODES[spec.format]
    size, stride = (spec.width, spec.height // step), spec.stride * step
    rows = data[(step - 1) // 2 * spec.stride :]
    # Pillow accepts any buffer, since 9.5; its types do not say so.
    buffer = cast(bytes, rows) if UNPACKS_ANY_BUFFER else bytes(rows)
    unpack = Image.frombuffer if len(rows) >= stride * size[1] else Image.frombytes
    return unpack(mode, size, buffer, "raw", raw_mode, stride, 1)
