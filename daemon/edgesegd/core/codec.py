"""Bytes to a picture."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import cast

import PIL
from PIL import Image, UnidentifiedImageError

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import ENCODED, WITH_CHROMA, FrameFormat, FrameSpec, check_pixels
from edgesegd.core.geometry import Size, fit
from edgesegd.core.options import ResizePolicy
from edgesegd.core.yuv import split_planes

# Sizes are checked here, by the daemon's own limit, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None

RAW_MODES = {
    FrameFormat.RGB: ("RGB", "RGB"),
    FrameFormat.BGR: ("RGB", "BGR"),
    FrameFormat.RGBA: ("RGBX", "RGBX"),
    FrameFormat.GRAY8: ("L", "L"),
}
"""Pillow's mode in memory and its name for the bytes; RGBX and L are used in place."""

ROWS_KEPT = 2
"""Of a raw frame so many rows are read for each of the model's, if it has them, and averaged. The
others cost as much to read and change less than 0.5 % of DeepLab's labels."""

ENOUGH = 0.9
"""Of the size that the model needs: a JPEG is decoded at the smallest scale that has as much. So
480 rows are decoded as 240 for a model of 257, in two thirds of the time, and more than 99.5 % of
DeepLab's labels stay."""

START_OF_SCAN = b"\xff\xda"
MAX_SCANS = 100
"""Of a JPEG: each goes over the whole picture. Encoders make about ten; libjpeg's own tools warn of
files with more than a hundred."""
RUN_LENGTHS = (1, 2)
"""Of a BMP's compression: each run is a step of Python in Pillow, and so is each pixel of a gap."""
COMPRESSION_OF_BMP = slice(30, 34)
MAX_RUN_LENGTH_PIXELS = 1 << 20

UNPACKS_ANY_BUFFER = tuple(map(int, PIL.__version__.split(".")[:2])) >= (9, 5)
EXIF_ORIENTATION = 0x0112
SIDEWAYS = range(5, 9)
"""The EXIF orientations that exchange width and height."""
UPRIGHT = 1
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of each EXIF orientation upright."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame.

    `pixels` may be smaller than the frame, where a JPEG was decoded at reduced scale, or rows of a
    raw frame were left out; `size` is the frame's own, orientation applied. Where there is
    `chroma`, U and V, of any size, `pixels` is Y: they become RGB when they are small.
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
) -> Picture:
    """Decode a checked frame, about as large as the model's input needs it, or larger.

    A raw picture may use `data` in place: it must not outlive it. Raises InvalidFrame.
    """
    if spec.format not in ENCODED:
        return _raw_picture(spec, data, model_input, resize)
    try:
        return _decode_file(spec.format, data, model_input, resize, max_pixels)
    except (InvalidFrame, MemoryError):
        raise
    except UnidentifiedImageError:
        raise InvalidFrame(f"the {spec.format.value.upper()} is damaged") from None
    except Exception as error:  # noqa: BLE001 # Pillow raises nearly everything
        why = str(error) or type(error).__name__
        raise InvalidFrame(f"the {spec.format.value.upper()} is damaged: {why}") from None


def _raw_picture(
    spec: FrameSpec, data: memoryview, model_input: Size, resize: ResizePolicy
) -> Picture:
    size = (spec.width, spec.height)
    if spec.format not in WITH_CHROMA:
        needed = fit(size, model_input, resize).decode_size[1]
        return Picture(_raw_pixels(spec, data, spec.height // (ROWS_KEPT * needed) or 1), size)
    luma, *chroma = split_planes(spec, data)
    return Picture(luma, size, (chroma[0], chroma[1]))


def _raw_pixels(spec: FrameSpec, data: memoryview, step: int) -> Image.Image:
    """Every `step`th row; in place where Pillow can: RGBX and L, with padding after the last."""
    mode, raw_mode = RAW_MODES[spec.format]
    size, stride = (spec.width, spec.height // step), spec.stride * step
    rows = data[(step - 1) // 2 * spec.stride :]
    # Pillow takes any buffer, since 9.5; its types do not say so.
    buffer = cast(bytes, rows) if UNPACKS_ANY_BUFFER else bytes(rows)
    unpack = Image.frombuffer if len(rows) >= stride * size[1] else Image.frombytes
    return unpack(mode, size, buffer, "raw", raw_mode, stride, 1)


def _decode_file(
    file_format: FrameFormat,
    data: memoryview,
    model_input: Size,
    resize: ResizePolicy,
    max_pixels: int,
) -> Picture:
    file = io.BytesIO(data)
    with Image.open(file, formats=[file_format.value.upper()]) as image:
        check_pixels(*image.size, max_pixels)
        _check_work(file_format, data, image, file.tell())
        if file_format is not FrameFormat.JPEG:
            image.load()  # only a JPEG can be decoded at reduced scale
        orientation = _orientation(image)
        width, height = image.size
        size = (height, width) if orientation in SIDEWAYS else (width, height)
        needed = fit(size, model_input, resize).decode_size
        across, down = (math.ceil(ENOUGH * side) for side in needed)
        image.draft("RGB", (down, across) if orientation in SIDEWAYS else (across, down))
        image.load()
        upright = image if orientation == UPRIGHT else image.transpose(TURNS[orientation])
        return Picture(_eight_bit(upright), size)


def _check_work(
    file_format: FrameFormat, data: memoryview, image: Image.Image, opened: int
) -> None:
    """Raise InvalidFrame for a file that is small, and takes seconds to decode all the same.

    `opened` is how far Pillow has read it.
    """
    if file_format is FrameFormat.JPEG and not _has_one_scan(data, image, opened):
        scans = bytes(data).count(START_OF_SCAN)
        if scans > MAX_SCANS:
            raise InvalidFrame(f"the JPEG has {scans:,} scans; at most {MAX_SCANS} are decoded")
    if file_format is FrameFormat.BMP:
        compressed = int.from_bytes(data[COMPRESSION_OF_BMP], "little") in RUN_LENGTHS
        if compressed and image.width * image.height > MAX_RUN_LENGTH_PIXELS:
            raise InvalidFrame(
                f"the BMP has {image.width}x{image.height} pixels in run lengths; at most "
                f"{MAX_RUN_LENGTH_PIXELS:,} are decoded so: send it uncompressed, or as PNG"
            )


def _has_one_scan(data: memoryview, image: Image.Image, opened: int) -> bool:
    """Whether all of a JPEG is in its first scan, so that no other is read.

    Nearly every JPEG is such, and looking for more of them takes longer than all other checks.
    Pillow has just read the scan's header, which ISO/IEC 10918-1 describes in B.2.3.
    """
    components = len(image.getbands())
    size = 6 + 2 * components
    start = START_OF_SCAN + size.to_bytes(2) + components.to_bytes()
    at = opened - size - len(START_OF_SCAN)
    return "progressive" not in image.info and data[at : at + len(start)] == start


def _orientation(image: Image.Image) -> int:
    """That of EXIF; UPRIGHT where it says none, or nothing that can be read.

    Other EXIF facts may be odd: they are not looked at, nor written back.
    """
    try:
        orientation = image.getexif().get(EXIF_ORIENTATION, UPRIGHT)
    except Exception:  # noqa: BLE001 # Pillow raises nearly everything
        return UPRIGHT
    return orientation if orientation in TURNS else UPRIGHT


def _eight_bit(image: Image.Image) -> Image.Image:
    """`image` in a mode that is resized as it is, RGB or L; of 16 bits the upper 8."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    return image if image.mode in ("RGB", "L") else image.convert("RGB")
