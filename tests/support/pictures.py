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
