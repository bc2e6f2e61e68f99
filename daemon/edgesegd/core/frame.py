"""The description of a frame that a client sends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from edgesegd.core.errors import InvalidFrame, InvalidReason


class FrameFormat(StrEnum):
    """How the bytes of a frame encode a picture."""

    AUTO = "auto"
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    BMP = "bmp"
    RGB = "rgb"
    BGR = "bgr"
    RGBA = "rgba"
    GRAY8 = "gray8"
    NV12 = "nv12"
    I420 = "i420"
    YUYV = "yuyv"
    NV21 = "nv21"
    UYVY = "uyvy"
    BGRA = "bgra"
    GRAY16 = "gray16"
    TENSOR = "tensor"
    """The values of the model's input tensor; this is no picture any more."""


ENCODED = frozenset({FrameFormat.JPEG, FrameFormat.PNG, FrameFormat.WEBP, FrameFormat.BMP})
BYTES_PER_PIXEL = {
    FrameFormat.RGB: 3,
    FrameFormat.BGR: 3,
    FrameFormat.RGBA: 4,
    FrameFormat.GRAY8: 1,
    FrameFormat.NV12: 1,
    FrameFormat.I420: 1,
    FrameFormat.YUYV: 2,
    FrameFormat.NV21: 1,
    FrameFormat.UYVY: 2,
    FrameFormat.BGRA: 4,
    FrameFormat.GRAY16: 2,
}
"""Bytes per pixel in the first plane of a raw format."""
SUBSAMPLED = frozenset({FrameFormat.NV12, FrameFormat.NV21, FrameFormat.I420})
"""Formats in which planes of half the width and height follow the first."""
WITH_CHROMA = SUBSAMPLED | {FrameFormat.YUYV, FrameFormat.UYVY}
DECODED = (*sorted(ENCODED), *BYTES_PER_PIXEL)
"""The formats that this daemon decodes."""


class YuvRange(StrEnum):
    """The values that Y, U and V use: 16 to 235 and 16 to 240, or 0 to 255."""

    LIMITED = "limited"
    FULL = "full"


class YuvMatrix(StrEnum):
    """The colours that Y, U and V stand for: those of ITU-R BT.601 or BT.709."""

    BT601 = "bt601"
    BT709 = "bt709"


MAX_SIDE = 65_535
"""Pixels of a side; JPEG allows no more. Temporary arrays grow with a side times the model's."""


class Bytes(Protocol):
    """A frame's bytes, wherever they are stored; a slice of them is bytes or a memoryview."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes | memoryview: ...


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """The largest frame that is accepted: `size` in bytes, `pixels` as width * height."""

    size: int
    pixels: int


class Plane(NamedTuple):
    """Where a plane of a raw frame is: the `offset` of its first row, and from row to row; bytes.

    A `stride` of 0 says that rows are packed.
    """

    offset: int
    stride: int = 0


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """A frame without its bytes.

    `width` and `height` (pixels) and `stride` (bytes from row to row) are those of a raw frame; all
    are 0 for an encoded frame and for a tensor. If there are no `planes`, they are one behind the
    other. `yuv_range` and `yuv_matrix` say what the values of a format with chroma mean.
    """

    format: FrameFormat
    width: int = 0
    height: int = 0
    stride: int = 0
    planes: tuple[Plane, ...] = ()
    yuv_range: YuvRange = YuvRange.LIMITED
    yuv_matrix: YuvMatrix = YuvMatrix.BT601


def check_pixels(width: int, height: int, largest: int) -> None:
    """Raise InvalidFrame for a picture without pixels, with too many, or with too long a side."""
    if width < 1 or height < 1:
        raise InvalidFrame(
            f"the picture has no pixels: {width}x{height}", InvalidReason.DESCRIPTION
        )
    if width * height > largest:
        raise InvalidFrame(
            f"the picture has {width}x{height} pixels, more than the {largest:,} that are allowed",
            InvalidReason.TOO_LARGE,
        )
    if max(width, height) > MAX_SIDE:
        raise InvalidFrame(
            f"the picture has {width}x{height} pixels; no side may have more than {MAX_SIDE:,}",
            InvalidReason.TOO_LARGE,
        )
