"""The kinds of images that can be segmented, and a frame with an id and a capture time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeseg_client.errors import InvalidRequest

if TYPE_CHECKING:
    from edgeseg_client.frame_buffer import FrameBuffer

PixelArray: TypeAlias = npt.NDArray[np.uint8]
"""uint8 of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), with any strides. Of uint16 the upper 8
bits are used."""

RawFormat: TypeAlias = Literal[
    "rgb",
    "bgr",
    "rgba",
    "bgra",
    "gray8",
    "gray16",
    "nv12",
    "nv21",
    "i420",
    "yuyv",
    "uyvy",
]
"""How the pixels of a raw frame are stored.

`rgb`: 3 bytes a pixel.
`bgr`: the same in the other order, as OpenCV has it.
`rgba`: 4 bytes a pixel; alpha is ignored.
`bgra`: the same with red and blue exchanged.
`gray8`: 1 byte a pixel.
`gray16`: 2 bytes a pixel, the low one first; the upper 8 bits are used.
`nv12`: Y; then U and V in turn, at half the width and height.
`nv21`: Y; then V and U in turn, at half the width and height.
`i420`: Y; U; V, the last two at half the width, height and stride.
`yuyv`: 4 bytes for two pixels, Y U Y V.
`uyvy`: 4 bytes for two pixels, U Y V Y.
"""
YuvRange: TypeAlias = Literal["limited", "full"]
"""The values that Y, U and V use.

`limited`: Y from 16 to 235, U and V from 16 to 240, as most cameras have it.
`full`: all from 0 to 255.
"""
YuvMatrix: TypeAlias = Literal["bt601", "bt709"]
"""The ITU's recommendation that says which colours Y, U and V stand for.

`bt601`: that of standard definition, which most cameras use.
`bt709`: that of high definition.
"""


class Plane(NamedTuple):
    """Where a plane of a raw frame is in its data."""

    offset: int
    """The first byte of the plane."""
    stride: int = 0
    """The number of bytes from one of its rows to the next; 0 means that rows are packed."""


@dataclass(frozen=True, slots=True)
class RawImage:
    """Pixels in a camera's format, sent as they are."""

    data: bytes | bytearray | memoryview
    """The bytes of all planes."""
    format: RawFormat
    """How the pixels are stored."""
    width: int
    """The width of the picture, in pixels."""
    height: int
    """The height of the picture, in pixels."""
    stride: int = 0
    """The bytes from one row of the first plane to the next; 0 means that rows are packed."""
    planes: Sequence[Plane] = ()
    """Where each plane is, if there is padding between or behind them; see `padded`."""
    yuv_range: YuvRange = "limited"
    """The values that Y, U and V use."""
    yuv_matrix: YuvMatrix = "bt601"
    """The colours that Y, U and V stand for."""

    @classmethod
    def padded(
        cls,
        data: bytes | bytearray | memoryview,
        format: RawFormat,  # noqa: A002  # as the field is called
        width: int,
        height: int,
        *,
        stride: int,
        rows: int,
        yuv_range: YuvRange = "limited",
        yuv_matrix: YuvMatrix = "bt601",
    ) -> Self:
        """A picture in a larger buffer, as hardware gives it: `stride` bytes by `rows` of luma.

        V4L2 calls them bytesperline and height, Rockchip hor_stride and ver_stride. The planes of
        chroma have half the rows, those of I420 half the stride too. Raises `InvalidRequest` for
        I420 with an odd stride or odd rows: where its last plane begins then differs.
        """
        planes = planes_in(format, stride, rows)
        return cls(data, format, width, height, 0, planes, yuv_range, yuv_matrix)


def planes_in(pixel_format: RawFormat, stride: int, rows: int) -> tuple[Plane, ...]:
    """The planes of a buffer of `stride` bytes by `rows` of luma; see `RawImage.padded`."""
    luma, chroma = Plane(0, stride), stride * rows
    if pixel_format in ("nv12", "nv21"):
        return luma, Plane(chroma, stride)
    if pixel_format != "i420":
        return (luma,)
    if stride % 2 or rows % 2:
        raise InvalidRequest(
            f"in an i420 buffer of {stride} bytes by {rows} rows of luma it is not known where V"
            " begins, because half of an odd number is rounded up or down: give `planes`, with the"
            " offset and the stride of Y, U and V"
        )
    return luma, Plane(chroma, stride // 2), Plane(chroma * 5 // 4, stride // 2)


ImageLike: TypeAlias = (
    str | PathLike[str] | bytes | bytearray | memoryview | Image.Image | npt.NDArray[Any] | RawImage
)
"""A path or an encoded picture (JPEG, PNG, WebP, BMP; HEIC and AVIF where Pillow decodes them), a
Pillow image, pixels, or a raw frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An image with an id and a capture time."""

    image: ImageLike | FrameBuffer
    """The picture."""
    id: int | None = None
    """Returned with the answer; None means the frame's position in the stream, from 0."""
    captured_unix_ns: int | None = None
    """The capture time by this machine's clock, in nanoseconds since the Unix epoch.

    None means the moment at which the client gets the frame. The option `max_age` counts from it.
    If the clock is set after the client got the frame, that has no effect.
    """
