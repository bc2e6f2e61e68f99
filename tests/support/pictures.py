"""Pictures and files of pictures, drawn for a test."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

EXIF_ORIENTATION = 0x0112


def gradient(width: int, height: int) -> Image.Image:
    """A smooth picture that no turn and no mirror leaves as it is; its first row is dark."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    channels = (255 * y, 200 * x, 40 + 120 * x * y)
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))


def noise(width: int, height: int, channels: int = 3, seed: int = 0) -> Pixels:
    """Random pixels, H x W x C."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def file_of(image: Image.Image, file_format: str, **options: object) -> bytes:
    """The picture as a file."""
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def exif(orientation: int) -> Image.Exif:
    """EXIF data that hold only an orientation."""
    data = Image.Exif()
    data[EXIF_ORIENTATION] = orientation
    return data


def png_by_hand(width: int, height: int, depth: int, color_type: int, rows: bytes) -> bytes:
    """A PNG as RFC 2083 has it, of filtered `rows`; its header may lie about them."""
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG: its marker, its length and `body`."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg_of_scans(count: int, picture: Image.Image | None = None, **options: object) -> bytes:
    """A JPEG whose last scan comes so many times."""
    data = file_of(picture or gradient(64, 48), "JPEG", **options)
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * count + data[-2:]


def bmp_of_run_lengths(width: int, height: int, row: bytes = b"\1\1\0\0") -> bytes:
    """A BMP of 8 bits whose rows are each a run of one pixel and a gap, or `row`."""
    rows = row * height + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 2, 0)
    offset = 14 + len(header) + 8
    start = b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset)
    return start + header + bytes(8) + rows
