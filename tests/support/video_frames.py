"""How GStreamer lays out raw video by default: gst_video_info_set_format, GStreamer 1.22."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgeseg_client import Plane, RawImage
from edgeseg_client.frame import RawFormat, YuvMatrix, YuvRange


def _up(value: int, multiple: int) -> int:
    return math.ceil(value / multiple) * multiple


PACKED: dict[str, tuple[RawFormat, int]] = {
    "RGB": ("rgb", 3),
    "BGR": ("bgr", 3),
    "RGBA": ("rgba", 4),
    "RGBx": ("rgba", 4),
    "BGRA": ("bgra", 4),
    "BGRx": ("bgra", 4),
    "GRAY8": ("gray8", 1),
    "GRAY16_LE": ("gray16", 2),
    "YUY2": ("yuyv", 2),
    "UYVY": ("uyvy", 2),
}
PLANAR: dict[str, RawFormat] = {"NV12": "nv12", "NV21": "nv21", "I420": "i420", "YV12": "i420"}
FORMATS = (*PACKED, *PLANAR)


def raw_image(
    data: bytes,
    name: str,
    size: tuple[int, int],
    *,
    yuv_matrix: YuvMatrix = "bt601",
    yuv_range: YuvRange = "limited",
) -> RawImage:
    """A frame of GStreamer's format `name`, of a size of even (width, height)."""
    width, height = size
    if name in PACKED:
        client_format, bytes_per_pixel = PACKED[name]
        planes = [Plane(0, _up(width * bytes_per_pixel, 4))]
    else:
        client_format, stride = PLANAR[name], _up(width, 4)
        luma, half = Plane(0, stride), _up(width // 2, 4)
        first, second = (
            Plane(stride * height, half),
            Plane(stride * height + half * height // 2, half),
        )
        planes = {
            "I420": [luma, first, second],
            "YV12": [luma, second, first],
        }.get(name, [luma, Plane(stride * height, stride)])
    return RawImage(
        data,
        client_format,
        width,
        height,
        planes=planes,
        yuv_matrix=yuv_matrix,
        yuv_range=yuv_range,
    )


def gray_pictures(data: bytes, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The pictures of a file of GRAY8 frames, of shape (frames, height, width)."""
    width, height = size
    return np.frombuffer(data, np.uint8).reshape(-1, height, _up(width, 4))[:, :, :width]
