"""Makes pictures of raw frames, to draw on; the daemon converts what the model sees by itself."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame import Plane, RawImage, planes_in

_Bytes = npt.NDArray[np.uint8]

_PIXEL_BYTES: Final = {"rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4, "gray8": 1, "gray16": 2} | {
    "yuyv": 2,
    "uyvy": 2,
}
"""Bytes of a pixel in the first plane; 1 for the others."""
_PLANES: Final = {"nv12": 2, "nv21": 2, "i420": 3}
"""Planes of a frame; 1 for the other formats."""
_KR_KB: Final = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}
"""The weights of red and blue in Y. Source: ITU-R BT.601-7, 2.5.1, and BT.709-6, 3.2."""


def picture_of_raw(raw: RawImage) -> Image.Image:
    """The frame as RGB; raises `InvalidRequest` if its planes end behind its bytes."""
    width, height = raw.width, raw.height
    row = width * _PIXEL_BYTES.get(raw.format, 1)
    planes = raw.planes or planes_in(raw.format, raw.stride or row, height)
    if len(planes) != _PLANES.get(raw.format, 1):
        raise InvalidRequest(f"a {raw.format} frame has no {len(planes)} planes")
    first = _plane(raw, planes[0], height, row)
    match raw.format:
        case "gray8":
            return Image.fromarray(first).convert("RGB")
        case "gray16":
            return Image.fromarray(np.ascontiguousarray(first[:, 1::2])).convert("RGB")
        case "rgb" | "bgr" | "rgba" | "bgra":
            pixels = first.reshape(height, width, -1)[..., :3]
            ordered = pixels if raw.format.startswith("rgb") else pixels[..., ::-1]
            return Image.fromarray(np.ascontiguousarray(ordered))
        case "yuyv" | "uyvy":
            start = raw.format == "uyvy"
            luma = first[:, int(start) :: 2]
            chroma = first[:, int(not start) :: 2].reshape(height, -1, 2)
            return _rgb(raw, luma, chroma.repeat(2, axis=1))
        case "i420":
            half = ((height + 1) // 2, (width + 1) // 2)
            parts = [_plane(raw, one, *half) for one in planes[1:]]
            chroma = np.stack(parts, axis=-1)
        case _:
            half = (height // 2, width)
            pairs = _plane(raw, planes[1], *half).reshape(half[0], -1, 2)
            chroma = pairs if raw.format == "nv12" else pairs[..., ::-1]
    return _rgb(raw, first, chroma.repeat(2, axis=0).repeat(2, axis=1)[:height, :width])


def _plane(raw: RawImage, plane: Plane, rows: int, row: int) -> _Bytes:
    """The `rows` rows of `row` bytes of a plane, shape (rows, row)."""
    stride = plane.stride or row
    end = plane.offset + stride * (rows - 1) + row
    data = np.frombuffer(raw.data, np.uint8)
    if end > len(data) or stride < row:
        raise InvalidRequest(f"the planes of the {raw.format} frame do not fit into its bytes")
    return np.lib.stride_tricks.as_strided(
        data[plane.offset :], (rows, row), (stride, 1), writeable=False
    )


def _rgb(raw: RawImage, luma: _Bytes, chroma: _Bytes) -> Image.Image:
    """The picture for Y of shape (height, width) and U, V of shape (height, width, 2)."""
    full = raw.yuv_range == "full"
    offset, y_scale, c_scale = (0, 1.0, 1.0) if full else (16, 255 / 219, 255 / 224)
    y = (luma.astype(np.float32) - offset) * y_scale
    u, v = ((chroma[..., one].astype(np.float32) - 128) * c_scale for one in range(2))
    kr, kb = _KR_KB[raw.yuv_matrix]
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    rgb = np.stack([red, green, blue], axis=-1)
    return Image.fromarray(np.rint(rgb).clip(0, 255).astype(np.uint8))
