"""Raw frames as RGB, to draw on."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from edgeseg_client import RawImage
from edgeseg_client.frame import YuvMatrix

RgbPixels = npt.NDArray[np.uint8]
"""Of shape (height, width, 3): red, green, blue."""
Samples = npt.NDArray[np.uint8]
"""One component, or rows of bytes, of shape (height, width)."""

_ORDERS: Final = {
    "rgb": (3, (0, 1, 2)),
    "bgr": (3, (2, 1, 0)),
    "rgba": (4, (0, 1, 2)),
    "bgra": (4, (2, 1, 0)),
    "gray8": (1, (0, 0, 0)),
    "gray16": (2, (1, 1, 1)),  # the high byte is the second
}
"""Bytes per pixel, and which of them are red, green and blue."""

_LUMA: Final[dict[YuvMatrix, tuple[float, float]]] = {
    # The weights of red and blue in Y. Sources: ITU-R BT.601-7, 2.5.1; ITU-R BT.709-6, 3.2.
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
}


def to_rgb(image: RawImage) -> RgbPixels:
    """The picture as uint8 of shape (height, width, 3).

    `image` is one that `ImageReader` or `CompressedReader` made: packed formats, NV12 and NV21.
    """
    if image.format in _ORDERS:
        size, order = _ORDERS[image.format]
        pixels = _plane(image, 0, image.height, image.width * size)
        return np.ascontiguousarray(pixels.reshape(image.height, image.width, size)[..., order])
    y, u, v = _planes_of_yuv(image)
    return _convert(image, y, u, v)


def _plane(image: RawImage, number: int, rows: int, row_bytes: int) -> Samples:
    """Rows of a plane, of shape (rows, row_bytes)."""
    offset, stride = image.planes[number] if image.planes else (0, 0)
    data = memoryview(image.data)[offset:]
    return np.ndarray((rows, row_bytes), np.uint8, data, strides=(stride or row_bytes, 1))


def _planes_of_yuv(image: RawImage) -> tuple[Samples, Samples, Samples]:
    """Y, U and V, each of shape (height, width)."""
    height, width = image.height, image.width
    if image.format in ("uyvy", "yuyv"):
        first = 0 if image.format == "yuyv" else 1
        pairs = _plane(image, 0, height, width * 2)
        y, chroma = pairs[:, first::2], pairs[:, 1 - first :: 2]
        return y, _repeat(chroma[:, 0::2], 1), _repeat(chroma[:, 1::2], 1)
    first = 0 if image.format == "nv12" else 1
    chroma = _plane(image, 1, height // 2, width)
    u, v = chroma[:, first::2], chroma[:, 1 - first :: 2]
    return _plane(image, 0, height, width), _repeat(u, 2), _repeat(v, 2)


def _repeat(values: Samples, rows: int) -> Samples:
    return values.repeat(2, axis=1).repeat(rows, axis=0)


def _convert(image: RawImage, y: Samples, u: Samples, v: Samples) -> RgbPixels:
    red_weight, blue_weight = _LUMA[image.yuv_matrix]
    full = image.yuv_range == "full"
    black, y_scale, c_scale = (0, 1.0, 1.0) if full else (16, 255 / 219, 255 / 224)
    luma = (y.astype(np.float32) - black) * y_scale
    red = luma + (v.astype(np.float32) - 128) * (c_scale * 2 * (1 - red_weight))
    blue = luma + (u.astype(np.float32) - 128) * (c_scale * 2 * (1 - blue_weight))
    green = (luma - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    return np.stack([red, green, blue], axis=-1).round().clip(0, 255).astype(np.uint8)
