"""Decodes JPEG, PNG, WebP and BMP files, in bounded memory and time."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import islice

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import FrameFormat, check_pixels
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.exif import UPRIGHT, read_orientation, read_raw_profile
from edgesegd.imaging.geometry import Size, fit
from edgesegd.imaging.jpeg_header import Jpeg, read_jpeg
from edgesegd.imaging.reduced_scale import reduced_scale_for
from edgesegd.imaging.timed_file import TimedFile, TimeIsOver

# Sizes are checked here, by the daemon's own limit, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None

OPENERS: dict[FrameFormat, Callable[[TimedFile], ImageFile]] = {
    FrameFormat.JPEG: JpegImageFile,
    FrameFormat.PNG: PngImageFile,
    FrameFormat.WEBP: WebPImageFile,
    FrameFormat.BMP: BmpImageFile,
}
"""Used instead of Image.open: for a JPEG, that also reads an index of further pictures in the file,
which may be very expensive."""

START_OF_SCAN = b"\xff\xda"
FIND_SCANS = re.compile(START_OF_SCAN)
"""Three times faster than bytes.find."""
MAX_SCANS = 100
"""Of a JPEG: each goes over the whole picture. Encoders make about ten; libjpeg's own tools warn of
files with more than a hundred."""
MAX_ARITHMETIC_PIXELS = 1 << 25
"""Of an arithmetic JPEG, over all its scans: libjpeg cannot pause in one, so its time is not looked
at. Pillow gives it 64 KB at most, which in real pictures hold a few million."""
RUN_LENGTHS = (1, 2)
"""Of a BMP's compression: each run is a step of Python in Pillow, and so is each pixel of a gap."""
COMPRESSION_OF_BMP = slice(30, 34)
MAX_RUN_LENGTH_PIXELS = 1 << 20

SIDEWAYS = range(5, 9)
"""The EXIF orientations that exchange width and height."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that makes a picture of each EXIF orientation upright."""


def decode_file(
    file_format: FrameFormat,
    data: memoryview,
    *,
    model_input: Size,
    resize: ResizePolicy,
    max_pixels: int,
    max_seconds: float,
) -> tuple[Image.Image, Size]:
    """Decode a file; returns the upright picture, RGB or L, and its size in the file.

    A JPEG may be decoded at a smaller size. Raises InvalidFrame, and nearly any other exception for
    a damaged file.

    Pillow reads JPEG, PNG and BMP in blocks, and is stopped between two blocks after `max_seconds`.
    A WebP or an arithmetic JPEG is decoded in one call, whose time only the number of pixels
    bounds; the same is true for what is done with a decoded picture.
    """
    name = file_format.value.upper()
    jpeg = read_jpeg(data) if file_format is FrameFormat.JPEG else None
    file = TimedFile(data if jpeg is None else jpeg.data, max_seconds)
    try:
        with _open(file_format, file) as image:
            check_pixels(*image.size, max_pixels)
            if jpeg is not None:
                _limit_scans(jpeg, image, file)
                orientation = jpeg.orientation
            else:
                _check_run_lengths(file_format, data, image)
                image.load()  # only a JPEG can be decoded at reduced scale
                orientation = _orientation(image)
            width, height = image.size
            size = (height, width) if orientation in SIDEWAYS else (width, height)
            needed = fit(size, model_input, resize).decode_size
            enough = reduced_scale_for(model_input).enough
            across, down = (math.ceil(enough * side) for side in needed)
            image.draft("RGB", (down, across) if orientation in SIDEWAYS else (across, down))
            image.load()
            upright = image if orientation == UPRIGHT else image.transpose(TURNS[orientation])
            return _eight_bit(upright), size
    except TimeIsOver:
        raise InvalidFrame(
            f"the {name} takes longer than {max_seconds:g} s to decode; "
            "send it smaller, as a baseline JPEG, or raise decode_seconds"
        ) from None


def _open(file_format: FrameFormat, file: TimedFile) -> ImageFile:
    try:
        return OPENERS[file_format](file)
    except SyntaxError:
        raise InvalidFrame(f"the {file_format.value.upper()} is damaged") from None


def _limit_scans(jpeg: Jpeg, image: ImageFile, file: TimedFile) -> None:
    """Raise InvalidFrame for too many scans; let the time be checked before each further scan.

    A scan over the whole picture may have only a few bytes. If the first scan has the whole picture
    there are no others to search, which would take longer than all other checks.
    """
    if jpeg.one_scan:
        return
    scans = [scan.start() for scan in islice(FIND_SCANS.finditer(jpeg.data), MAX_SCANS + 1)]
    if len(scans) > MAX_SCANS:
        count = jpeg.data.count(START_OF_SCAN)
        raise InvalidFrame(f"the JPEG has {count:,} scans; at most {MAX_SCANS} are decoded")
    if not jpeg.arithmetic:
        file.stop_reads_at(scans)
    elif len(scans) * image.width * image.height > MAX_ARITHMETIC_PIXELS:
        raise InvalidFrame(
            f"the arithmetic JPEG has {len(scans)} scans of {image.width}x{image.height} pixels; "
            f"at most {MAX_ARITHMETIC_PIXELS:,} pixels are decoded so: send it as a baseline JPEG"
        )


def _check_run_lengths(file_format: FrameFormat, data: memoryview, image: ImageFile) -> None:
    """Raise InvalidFrame for a small BMP that would still take seconds to decode."""
    if file_format is not FrameFormat.BMP:
        return
    compressed = int.from_bytes(data[COMPRESSION_OF_BMP], "little") in RUN_LENGTHS
    if compressed and image.width * image.height > MAX_RUN_LENGTH_PIXELS:
        raise InvalidFrame(
            f"the BMP has {image.width}x{image.height} pixels in run lengths; at most "
            f"{MAX_RUN_LENGTH_PIXELS:,} are decoded so: send it uncompressed, or as PNG"
        )


def _orientation(image: ImageFile) -> int:
    """The orientation of a loaded PNG or WebP; in a PNG it may follow the pixels."""
    exif, profile = image.info.get("exif"), image.info.get("Raw profile type exif")
    if isinstance(exif, bytes):
        return read_orientation(exif)
    return read_orientation(read_raw_profile(profile)) if isinstance(profile, str) else UPRIGHT


def _eight_bit(image: Image.Image) -> Image.Image:
    """`image` converted to a mode that can be resized, RGB or L; 16 bits are reduced to 8."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    return image if image.mode in ("RGB", "L") else image.convert("RGB")
