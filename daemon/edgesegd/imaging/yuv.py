"""Converts raw YUV frames, as cameras send them, to planes and to RGB."""

from __future__ import annotations

from functools import cache

from PIL import Image

from edgesegd.core.frame import FrameFormat, FrameSpec, YuvMatrix, YuvRange
from edgesegd.core.raw_frame import rows_of
from edgesegd.imaging.raw_rows import array_image, rows_array, rows_image

Planes = tuple[Image.Image, Image.Image, Image.Image]
"""Y, U and V, mode L; U and V may be smaller."""
RgbMatrix = tuple[float, ...]
"""Three rows of four numbers: each of red, green and blue is the sum of the first three times Y, U
and V, and the fourth."""

RED_AND_BLUE = {YuvMatrix.BT601: (0.299, 0.114), YuvMatrix.BT709: (0.2126, 0.0722)}
"""The share that red and blue have in Y. Source: ITU-R BT.601-7, 2.5.1; ITU-R BT.709-6, 3.2."""
SPANS = {YuvRange.LIMITED: (16, 219, 224), YuvRange.FULL: (0, 255, 255)}
"""Y of black, and how far Y, and U and V, go. Source: ITU-R BT.601-7, 2.5.3; JFIF 1.02 (full)."""
MIDDLE = 128
"""U and V of grey."""
PACKED = {FrameFormat.YUYV: (0, 1, 3), FrameFormat.UYVY: (1, 0, 2)}
"""The first bytes of Y, U and V in rows of groups of four bytes."""


def split_planes(spec: FrameSpec, data: memoryview) -> Planes:
    """The planes of a frame with chroma; Y is not copied if it has a plane of its own."""
    first, *others = rows_of(spec)
    if spec.format in PACKED:
        rows = rows_array(first, data)
        y, u, v = PACKED[spec.format]
        return array_image(rows[:, y::2]), array_image(rows[:, u::4]), array_image(rows[:, v::4])
    luma = rows_image("L", "L", spec.width, first, data)
    if spec.format is FrameFormat.I420:
        wide_u, wide_v = (rows_array(rows, data) for rows in others)
        return luma, array_image(wide_u), array_image(wide_v)
    both = rows_array(others[0], data)
    even, odd = array_image(both[:, 0::2]), array_image(both[:, 1::2])
    return (luma, odd, even) if spec.format is FrameFormat.NV21 else (luma, even, odd)


@cache
def rgb_matrix(yuv_range: YuvRange, matrix: YuvMatrix) -> RgbMatrix:
    """How Y, U and V of 8 bits become red, green and blue.

    With the parts k of red and blue, and all values from 0 to 1: R = Y + 2 (1 - k_r) V,
    B = Y + 2 (1 - k_b) U, and G is what is left of Y. Source: ITU-R BT.601-7, 2.5; BT.709-6, 3.
    """
    red, blue = RED_AND_BLUE[matrix]
    black, luma_span, chroma_span = SPANS[yuv_range]
    y, chroma = 255 / luma_span, 255 / chroma_span
    red_v, blue_u = 2 * (1 - red) * chroma, 2 * (1 - blue) * chroma
    green = 1 - red - blue
    green_u, green_v = -blue_u * blue / green, -red_v * red / green
    rows = ((y, 0.0, red_v), (y, green_u, green_v), (y, blue_u, 0.0))
    return tuple(
        value for row in rows for value in (*row, -row[0] * black - (row[1] + row[2]) * MIDDLE)
    )


BT601_LIMITED = rgb_matrix(YuvRange.LIMITED, YuvMatrix.BT601)


def to_rgb(planes: Planes, matrix: RgbMatrix) -> Image.Image:
    """RGB of planes of one size, rounded and clipped."""
    return Image.merge("RGB", planes).convert("RGB", matrix)
