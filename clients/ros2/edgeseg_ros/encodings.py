"""The pixels of `sensor_msgs/Image` as the client's `RawImage`.

Encodings are those of `sensor_msgs/image_encodings.hpp`, and `nv12`, which it does not have but
drivers use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from edgeseg_client import RawImage
from edgeseg_client.frame import RawFormat, YuvMatrix, YuvRange
from edgeseg_ros.errors import ImageRefused

FORMATS: Final[dict[str, RawFormat]] = {
    "rgb8": "rgb",
    "bgr8": "bgr",
    "rgba8": "rgba",
    "bgra8": "bgra",
    "mono8": "gray8",
    "mono16": "gray16",
    "uyvy": "uyvy",
    "yuv422": "uyvy",
    "yuyv": "yuyv",
    "yuv422_yuy2": "yuyv",
    "nv12": "nv12",
    "nv21": "nv21",
}
"""The format of each encoding that is accepted."""

_ROW_BYTES: Final[dict[RawFormat, int]] = {
    "rgb": 3,
    "bgr": 3,
    "rgba": 4,
    "bgra": 4,
    "gray8": 1,
    "gray16": 2,
    "uyvy": 2,
    "yuyv": 2,
    "nv12": 1,
    "nv21": 1,
}
"""Bytes per pixel in a row of the first plane."""

_YUV: Final = ("uyvy", "yuyv", "nv12", "nv21")

UNNAMED: Final = ("8UC1", "8UC3", "8UC4", "16UC1")
"""Encodings that say how many channels there are, but not which."""


class ImageMessage(Protocol):
    """What is read of a `sensor_msgs/Image`."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: Any


@dataclass(frozen=True, slots=True)
class ImageReader:
    """Reads images; says which values their Y, U and V use, for messages do not.

    `unnamed_as` is the encoding that is meant by one of `UNNAMED`; empty if that is not known.
    """

    yuv_range: YuvRange = "limited"
    yuv_matrix: YuvMatrix = "bt601"
    unnamed_as: str = ""

    def read(self, message: ImageMessage) -> RawImage:
        """The image; its rows are `step` bytes apart.

        Shares memory with the message, except for 16 bits of which the high byte comes first: their
        high bytes are copied, for the daemon uses no others. Raises `ImageRefused` if the encoding
        is none of `FORMATS` or the sizes contradict each other.
        """
        pixel_format = self._format(message.encoding)
        width, height, step = message.width, message.height, message.step
        row = width * _ROW_BYTES[pixel_format]
        if width < 1 or height < 1:
            raise ImageRefused(f"an image of {width}x{height} pixels is empty")
        if step < row:
            raise ImageRefused(
                f"step is {step}, but a row of {width} pixels of {message.encoding} has {row}"
                " bytes: the driver has to set step to the bytes from one row to the next"
            )
        data = memoryview(message.data)
        rows = height * 3 // 2 if pixel_format in ("nv12", "nv21") else height
        # The last row may lack its padding.
        if len(data) < step * (rows - 1) + row:
            raise ImageRefused(
                f"an image of {width}x{height} pixels of {message.encoding} with a step of {step}"
                f" has {step * rows} bytes, not {len(data)}"
            )
        if pixel_format == "gray16" and message.is_bigendian:
            high = _high_bytes(data, width, height, step)
            return RawImage(high, "gray8", width, height)
        is_yuv = pixel_format in _YUV
        return RawImage.padded(
            data,
            pixel_format,
            width,
            height,
            stride=step,
            rows=height,
            yuv_range=self.yuv_range if is_yuv else "limited",
            yuv_matrix=self.yuv_matrix if is_yuv else "bt601",
        )

    def _format(self, encoding: str) -> RawFormat:
        named = self.unnamed_as if encoding in UNNAMED and self.unnamed_as else encoding
        if named in FORMATS:
            return FORMATS[named]
        raise ImageRefused(f"images of the encoding {encoding!r} {_advice(encoding)}")


def _high_bytes(data: memoryview, width: int, height: int, step: int) -> bytes:
    """The first byte of each pair, row by row."""
    rows = np.ndarray((height, width), np.uint8, data, strides=(step, 2))
    return rows.tobytes()


def _advice(encoding: str) -> str:
    if encoding.startswith("bayer_"):
        return (
            "are raw data of a sensor: run image_proc's debayer node, or have the driver debayer,"
            " and remap `image` to the colour topic, such as image_color"
        )
    if encoding in UNNAMED:
        return (
            "do not say which channels they have: set the parameter `encoding` to what they are,"
            " such as bgr8, rgb8 or mono8"
        )
    if encoding.startswith(("8SC", "16SC", "32SC", "32FC", "64FC", "16UC", "8UC")):
        return "are measurements, such as depth, and not pictures"
    return (
        f"are not read; there are: {', '.join(FORMATS)}. Have the driver publish one of them, or"
        " run a node that converts them"
    )
