"""Converts raw YUV frames, as cameras send them, to planes and to RGB."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgesegd.core.frame import FrameFormat, FrameSpec

LIMITED_LUMA = tuple(min(255, max(0, round((y - 16) * 255 / 219))) for y in range(256))
LIMITED_CHROMA = tuple(min(255, max(0, round((c - 128) * 255 / 224 + 128))) for c in range(256))
"""From limited range (16 to 235, 16 to 240) to full range. Source: ITU-R BT.601, 2.5.3."""

Plane = npt.NDArray[np.uint8]
Planes = tuple[Image.Image, Image.Image, Image.Image]
"""Y, U and V, mode L; U and V may be smaller."""


def split_planes(spec: FrameSpec, data: memoryview) -> Planes:
    """The planes of an NV12, I420 or YUYV frame; Y of NV12 and I420 is not copied."""
    width, height, stride = spec.width, spec.height, spec.stride
    if spec.format is FrameFormat.YUYV:
        rows = _rows(data, 0, stride, height, 2 * width)
        return _image(rows[:, 0::2]), _image(rows[:, 1::4]), _image(rows[:, 3::4])
    luma = _image(_rows(data, 0, stride, height, width))
    start, half = stride * height, height // 2
    if spec.format is FrameFormat.NV12:
        rows = _rows(data, start, stride, half, width)
        return luma, _image(rows[:, 0::2]), _image(rows[:, 1::2])
    narrow = stride // 2
    u = _rows(data, start, narrow, half, width // 2)
    v = _rows(data, start + narrow * half, narrow, half, width // 2)
    return luma, _image(u), _image(v)


def to_rgb(planes: Planes) -> Image.Image:
    """RGB of planes of one size, by BT.601 with limited range, as V4L2 cameras and OpenCV use it.

    Pillow's own conversion is BT.601 with full range, so the ranges are stretched first.
    """
    y, u, v = planes
    full = y.point(LIMITED_LUMA), u.point(LIMITED_CHROMA), v.point(LIMITED_CHROMA)
    return Image.merge("YCbCr", full).convert("RGB")


def _rows(data: memoryview, start: int, stride: int, count: int, length: int) -> Plane:
    """`count` rows of `length` bytes, each `stride` after the last; the last may end there."""
    return np.ndarray((count, length), np.uint8, data, start, (stride, 1))


def _image(plane: Plane) -> Image.Image:
    return Image.fromarray(plane if plane.flags.c_contiguous else np.ascontiguousarray(plane))
