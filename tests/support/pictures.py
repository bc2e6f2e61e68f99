"""Pictures and files of pictures, drawn for a test."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

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
    """A PNG (RFC 2083) of filtered `rows`; its header may contradict them."""
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
    """A JPEG that repeats its last scan that many times."""
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


def jpeg_of_components(planes: list[Pixels]) -> bytes:
    """A baseline JPEG of three components, each H x W, in a scan of its own."""
    height, width = planes[0].shape
    files = [file_of(Image.fromarray(plane), "JPEG", quality=90) for plane in planes]
    tables = files[0][files[0].index(b"\xff\xdb") : files[0].index(b"\xff\xc0")]
    codes = files[0][files[0].index(b"\xff\xc4") : files[0].index(b"\xff\xda")]
    components = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    frame = jpeg_segment(0xC0, struct.pack(">BHHB", 8, height, width, 3) + components)
    scans = [
        jpeg_segment(0xDA, bytes([1, number, 0, 0, 63, 0]))
        + data[data.index(b"\xff\xda") + 10 : -2]
        for number, data in enumerate(files, 1)
    ]
    return b"\xff\xd8" + tables + frame + codes + b"".join(scans) + b"\xff\xd9"


def lossless_jpeg(pixels: Pixels) -> bytes:
    """A lossless JPEG of H x W x C: ISO/IEC 10918-1, annex H, with predictor 1."""
    height, width, channels = pixels.shape
    values = pixels.astype(int)
    predicted = np.empty_like(values)
    predicted[:, 1:], predicted[1:, 0], predicted[0, 0] = values[:, :-1], values[:-1, 0], 128
    difference = values - predicted
    size = np.ceil(np.log2(np.abs(difference) + 1)).astype(int)
    extra = np.where(difference < 0, difference + (1 << size) - 1, difference)
    codes = ((size << size) | extra).ravel()[:, None]  # each size has a code of four bits, itself
    length = (4 + size).ravel()[:, None]
    place = np.arange(13)
    bits = (codes >> np.maximum(length - 1 - place, 0) & 1)[place < length].astype(np.uint8)
    padded = np.concatenate([bits, np.ones(-len(bits) % 8, np.uint8)])
    data = np.packbits(padded).tobytes().replace(b"\xff", b"\xff\0")
    table = jpeg_segment(0xC4, bytes([0, 0, 0, 0, 10, *[0] * 12, *range(10)]))
    components = b"".join(bytes([number, 0x11, 0]) for number in range(1, channels + 1))
    frame = jpeg_segment(0xC3, struct.pack(">BHHB", 8, height, width, channels) + components)
    selectors = b"".join(bytes([number, 0]) for number in range(1, channels + 1))
    scan = jpeg_segment(0xDA, bytes([channels]) + selectors + bytes([1, 0, 0]))
    return b"\xff\xd8" + frame + table + scan + data + b"\xff\xd9"


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture_folder(folder: Path, pictures: Iterable[bytes]) -> Path:
    """A new folder with these JPEGs, named by their number."""
    folder.mkdir()
    for number, picture in enumerate(pictures):
        (folder / f"{number}.jpg").write_bytes(picture)
    return folder
