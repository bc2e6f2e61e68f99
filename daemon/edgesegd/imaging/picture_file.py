"""Decodes JPEG, PNG, WebP and BMP files, in bounded memory and time."""

from __future__ import annotations

import io

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.core.frame import FrameFormat, check_pixels
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.decode_error import undecodable
from edgesegd.imaging.exif import UPRIGHT, read_orientation
from edgesegd.imaging.geometry import Size
from edgesegd.imaging.jpeg_file import decode_jpeg
from edgesegd.imaging.orientation import turn_upright
from edgesegd.imaging.png_chunks import read_png
from edgesegd.imaging.png_rows import check_rows
from edgesegd.imaging.timed_file import TimedFile, TimeIsOver
from edgesegd.imaging.webp_end import with_other_end

# Sizes are checked here, by the daemon's own limit, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None

RUN_LENGTHS = (1, 2)
"""The kinds of a BMP's compression by run lengths. Pillow decodes them slowly: each run is a step
of Python, and so is each pixel of a gap."""
COMPRESSION_OF_BMP = slice(30, 34)
MAX_RUN_LENGTH_PIXELS = 1 << 20


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

    A JPEG may be decoded at a smaller size. Raises InvalidFrame, also for a file that lacks pixels.

    Pillow reads JPEG, PNG and BMP in blocks, and is stopped between two blocks after `max_seconds`.
    A WebP or an arithmetic JPEG is decoded in one call, whose time only the number of pixels
    bounds; the same is true for what is done with a decoded picture.
    """
    try:
        match file_format:
            case FrameFormat.JPEG:
                image, size, orientation = decode_jpeg(
                    data,
                    model_input=model_input,
                    resize=resize,
                    max_pixels=max_pixels,
                    max_seconds=max_seconds,
                )
            case FrameFormat.PNG:
                image, orientation = _decode_png(data, max_pixels, max_seconds)
                size = image.size
            case FrameFormat.WEBP:
                image, orientation = _decode_webp(data, max_pixels)
                size = image.size
            case _:
                image, orientation = _decode_bmp(data, max_pixels, max_seconds)
                size = image.size
        upright, size = turn_upright(image, size, orientation)
        return eight_bit(upright), size
    except TimeIsOver:
        raise InvalidFrame(
            f"the {file_format.value.upper()} takes longer than {max_seconds:g} s to decode; "
            "send it smaller, as a baseline JPEG, or raise decode_seconds",
            InvalidReason.TOO_COSTLY,
        ) from None
    except (InvalidFrame, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 # Pillow raises nearly everything
        raise undecodable(file_format, error) from None


def eight_bit(image: Image.Image) -> Image.Image:
    """`image` converted to a mode that can be resized, RGB or L; of 16 bits the upper 8."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    return image if image.mode in ("RGB", "L") else image.convert("RGB")


def _decode_png(data: memoryview, max_pixels: int, max_seconds: float) -> tuple[Image.Image, int]:
    png = read_png(data)
    file = TimedFile(png.data, max_seconds)
    with PngImageFile(file) as image:
        check_pixels(*image.size, max_pixels)
        image.load()
        check_rows(png, image, file.check_time)
        return image, png.orientation


def _decode_webp(data: memoryview, max_pixels: int) -> tuple[Image.Image, int]:
    image = _load_webp(data, max_pixels)
    other = with_other_end(data)
    if other is not None and _shows(other, image):
        raise InvalidFrame(
            "the WEBP is damaged: the end of its pixels was not written", InvalidReason.DAMAGED
        )
    exif = image.info.get("exif")
    return image, read_orientation(exif) if isinstance(exif, bytes) else UPRIGHT


def _load_webp(data: bytes | memoryview, max_pixels: int) -> Image.Image:
    with WebPImageFile(io.BytesIO(data)) as image:
        check_pixels(*image.size, max_pixels)
        image.load()
        return image


def _shows(data: bytes, image: Image.Image) -> bool:
    """Whether `data` are decoded to the pixels of `image`."""
    try:
        return _load_webp(data, image.width * image.height).tobytes() == image.tobytes()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 # Pillow raises nearly everything
        return False


def _decode_bmp(data: memoryview, max_pixels: int, max_seconds: float) -> tuple[Image.Image, int]:
    with BmpImageFile(TimedFile(data, max_seconds)) as image:
        check_pixels(*image.size, max_pixels)
        _check_run_lengths(data, image)
        image.load()
        return image, UPRIGHT


def _check_run_lengths(data: memoryview, image: ImageFile) -> None:
    """Raise InvalidFrame for a small BMP that would still take seconds to decode."""
    compressed = int.from_bytes(data[COMPRESSION_OF_BMP], "little") in RUN_LENGTHS
    if compressed and image.width * image.height > MAX_RUN_LENGTH_PIXELS:
        raise InvalidFrame(
            f"the BMP has {image.width}x{image.height} pixels in run lengths; at most "
            f"{MAX_RUN_LENGTH_PIXELS:,} are decoded so: send it uncompressed, or as PNG",
            InvalidReason.TOO_COSTLY,
        )
