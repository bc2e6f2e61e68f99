"""Pictures that cost the daemon more than their sender."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image

from attacks.messages import MEGABYTE

LARGE = (4000, 3000)
MAX_SIZE = (7071, 7071)
"""Just below the daemon's limit of 50,000,000 pixels."""
END_OF_IMAGE = b"\xff\xd9"
START_OF_SCAN = b"\xff\xda"
SEGMENT_BYTES = 65533
EXIF = b"Exif\0\0"
EXIF_ENTRIES = 300
UNDEFINED = 7
"""The type of an EXIF value that is an array of bytes."""


def gradient(size: tuple[int, int]) -> Image.Image:
    """A smooth picture."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    pixels = np.stack((255 * y, 200 * x, 40 + 120 * x * y), axis=-1)
    return Image.fromarray(pixels.round().astype(np.uint8))


def file_of(image: Image.Image, file_format: str, **options: object) -> bytes:
    """The picture as a file."""
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


@cache
def usual_jpeg() -> bytes:
    """A frame of 720p, as cameras send it."""
    return file_of(gradient((1280, 720)), "JPEG", quality=90)


@cache
def bmps() -> list[bytes]:
    """4 KB of run lengths that stand for many pixels: gaps, runs, and nothing at all."""
    gaps = b"\0\2\xff\xff" * 1000
    runs = b"\xff\7" * 2000
    return [
        _run_length_bmp(size, codes + b"\0\1")
        for size in (MAX_SIZE, (1024, 1024))
        for codes in (gaps, runs, b"")
    ]


def _run_length_bmp(size: tuple[int, int], codes: bytes) -> bytes:
    palette = bytes(4 * 256)
    header = struct.pack("<IiiHHIIiiII", 40, *size, 1, 8, 1, len(codes), 0, 0, 256, 0)
    start = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(codes), 0, 0, start) + (
        header + palette + codes
    )


def with_scans(jpeg: bytes, scans: int) -> bytes:
    """A progressive JPEG whose last scan comes so often that there are `scans` in all."""
    last = jpeg[jpeg.rindex(START_OF_SCAN) : -len(END_OF_IMAGE)]
    more = scans - jpeg.count(START_OF_SCAN)
    return jpeg[: -len(END_OF_IMAGE)] + last * more + END_OF_IMAGE


@cache
def slow_jpeg() -> bytes:
    """90 scans over 12 million pixels."""
    plain = Image.new("RGB", LARGE, (90, 120, 40))
    return with_scans(file_of(plain, "JPEG", progressive=True), 90)


@cache
def jpegs_of_many_scans() -> list[bytes]:
    """One of 4000 scans, one that is large and has 90."""
    small = file_of(gradient((64, 48)), "JPEG", progressive=True)
    return [with_scans(small, 4000), slow_jpeg()]


@cache
def padded_jpegs(size: int) -> list[bytes]:
    """A valid JPEG with so many bytes after it that it has `size` bytes."""
    jpeg = usual_jpeg()
    return [jpeg + bytes(size - len(jpeg))]


@cache
def plain_webps() -> list[bytes]:
    """50 million pixels of one colour in a few bytes, and 12 million, which any board decodes."""
    plain = (Image.new("RGB", size, (1, 2, 3)) for size in (MAX_SIZE, LARGE))
    return [file_of(image, "WEBP", lossless=True) for image in plain]


def _exif_of_the_same_bytes(size: int) -> bytes:
    """A TIFF directory of 300 entries that all point to the same `size` bytes."""
    start = 8 + 2 + 12 * EXIF_ENTRIES + 4
    entries = b"".join(
        struct.pack("<HHII", 0x8000 + number, UNDEFINED, size, start)
        for number in range(EXIF_ENTRIES)
    )
    header = struct.pack("<2sHIH", b"II", 42, 8, EXIF_ENTRIES)
    return header + entries + bytes(4) + bytes(size)


def _jpeg_with_exif(size: int) -> bytes:
    jpeg, exif = file_of(gradient((64, 48)), "JPEG"), _exif_of_the_same_bytes(size)
    part = SEGMENT_BYTES - len(EXIF)
    segments = b"".join(
        b"\xff\xe1"
        + (2 + len(EXIF) + len(exif[at : at + part])).to_bytes(2)
        + EXIF
        + exif[at : at + part]
        for at in range(0, len(exif), part)
    )
    return jpeg[:2] + segments + jpeg[2:]


def _png_with_exif(size: int) -> bytes:
    png, exif = file_of(gradient((64, 48)), "PNG"), _exif_of_the_same_bytes(size)
    chunk = b"eXIf" + exif
    after_header = 8 + 25
    return (
        png[:after_header]
        + len(exif).to_bytes(4)
        + chunk
        + zlib.crc32(chunk).to_bytes(4)
        + png[after_header:]
    )


@cache
def pictures_with_exif() -> list[bytes]:
    """Small pictures whose EXIF data are small in the file and large when they are read."""
    whole = 10 * MEGABYTE
    return [_jpeg_with_exif(60_000), _jpeg_with_exif(whole), _png_with_exif(whole)]
