"""The description of a frame that a client sends, and its checks before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from edgesegd.core.errors import InvalidFrame


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
}
"""Bytes per pixel in the first plane of a raw format."""
SUBSAMPLED = frozenset({FrameFormat.NV12, FrameFormat.I420})
"""Formats in which planes of half the width and height follow the first."""
WITH_CHROMA = SUBSAMPLED | {FrameFormat.YUYV}
DECODED = (*sorted(ENCODED), *BYTES_PER_PIXEL)
"""The formats that this daemon decodes."""

MAX_SIDE = 65_535
"""Pixels of a side; JPEG allows no more. Temporary arrays grow with a side times the model's."""

MAGIC = {
    FrameFormat.JPEG: (b"\xff\xd8\xff",),
    FrameFormat.PNG: (b"\x89PNG\r\n\x1a\n",),
    FrameFormat.BMP: (b"BM",),
    FrameFormat.WEBP: (b"RIFF",),
}
"""The first bytes of files; a WebP also has "WEBP" at byte 8."""


MAX_MAGIC = 12


class Bytes(Protocol):
    """A frame's bytes, wherever they are stored; a slice of them is bytes or a memoryview."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes | memoryview: ...


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """The largest frame that is accepted: `size` in bytes, `pixels` as width * height."""

    size: int
    pixels: int


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """A frame without its bytes.

    `width` and `height` (pixels) and `stride` (bytes from row to row) are those of a raw frame; all
    are 0 for an encoded frame and for a tensor.
    """

    format: FrameFormat
    width: int = 0
    height: int = 0
    stride: int = 0


def check_frame(spec: FrameSpec, data: Bytes, limits: FrameLimits) -> FrameSpec:
    """Check that `data` can be such a frame; returns `spec` with format and stride filled in.

    Raises InvalidFrame if they contradict each other or the limits.
    """
    if not data:
        raise InvalidFrame("the frame is empty: it has 0 bytes")
    if len(data) > limits.size:
        raise InvalidFrame(
            f"the frame has {len(data):,} bytes, more than the {limits.size:,} that are allowed"
        )
    if spec.format is FrameFormat.AUTO:
        return FrameSpec(recognise(bytes(data[:MAX_MAGIC])))
    if spec.format in ENCODED:
        _check_magic(spec.format, bytes(data[:MAX_MAGIC]))
        return FrameSpec(spec.format)
    return _check_raw(spec, len(data), limits)


def recognise(data: bytes) -> FrameFormat:
    """The encoded format with whose magic bytes `data` begins; raises InvalidFrame if none."""
    for candidate, beginnings in MAGIC.items():
        if data.startswith(beginnings) and (
            candidate is not FrameFormat.WEBP or data[8:12] == b"WEBP"
        ):
            return candidate
    raise InvalidFrame(
        "the frame is not a JPEG, PNG, WebP or BMP file "
        f"(it begins with {data[:8]!r}); raw pixels need a format, a width and a height"
    )


def _check_magic(expected: FrameFormat, data: bytes) -> None:
    try:
        found = recognise(data)
    except InvalidFrame as error:
        raise InvalidFrame(f"the format is {expected.value.upper()}, but {error}") from None
    if found is not expected:
        raise InvalidFrame(
            f"the format is {expected.value.upper()}, but the frame is {found.value.upper()}"
        )


def _check_raw(spec: FrameSpec, size: int, limits: FrameLimits) -> FrameSpec:
    name = spec.format.value.upper()
    if spec.width == 0 or spec.height == 0:
        raise InvalidFrame(
            f"a raw {name} frame needs a width and a height, not {spec.width}x{spec.height}"
        )
    check_pixels(spec.width, spec.height, limits.pixels)
    packed = spec.width * BYTES_PER_PIXEL[spec.format]
    stride = spec.stride or packed
    if stride < packed:
        raise InvalidFrame(
            f"stride {stride} is less than a row of {spec.width} {name} pixels, {packed} bytes"
        )
    if stride > limits.size:
        raise InvalidFrame(f"stride {stride} is more than the {limits.size:,} bytes of a frame")
    _check_chroma(spec, stride)
    rows = spec.height * 3 // 2 if spec.format in SUBSAMPLED else spec.height
    last = packed // 2 + stride // 2 if spec.format is FrameFormat.I420 else packed
    shortest, longest = stride * (rows - 1) + last, stride * rows
    if not shortest <= size <= longest:
        raise InvalidFrame(
            f"{spec.width}x{spec.height} {name} with stride {stride} "
            f"has {longest:,} bytes, not {size:,}"
        )
    return FrameSpec(spec.format, spec.width, spec.height, stride)


def _check_chroma(spec: FrameSpec, stride: int) -> None:
    """Raise InvalidFrame if the size is odd where pairs of pixels share their chroma."""
    name = spec.format.value.upper()
    if spec.format in WITH_CHROMA and spec.width % 2:
        raise InvalidFrame(f"{name} frames have an even width, not {spec.width}")
    if spec.format in SUBSAMPLED and spec.height % 2:
        raise InvalidFrame(f"{name} frames have an even height, not {spec.height}")
    if spec.format is FrameFormat.I420 and stride % 2:
        raise InvalidFrame(f"I420 frames have an even stride, not {stride}")


def check_pixels(width: int, height: int, largest: int) -> None:
    """Raise InvalidFrame for a picture without pixels, with too many, or with too long a side."""
    if width < 1 or height < 1:
        raise InvalidFrame(f"the picture has no pixels: {width}x{height}")
    if width * height > largest:
        raise InvalidFrame(
            f"the picture has {width}x{height} pixels, more than the {largest:,} that are allowed"
        )
    if max(width, height) > MAX_SIDE:
        raise InvalidFrame(
            f"the picture has {width}x{height} pixels; no side may have more than {MAX_SIDE:,}"
        )
