"""Files of pictures are decoded in bounded time, and only their orientation is read besides."""

from __future__ import annotations

import itertools
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import FrameFormat
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.geometry import Size
from edgesegd.imaging.picture_file import decode_file
from support.pictures import (
    bmp_of_run_lengths,
    exif,
    file_of,
    gradient,
    jpeg_of_scans,
    jpeg_segment,
    noise,
    png_chunk,
)

DATA = Path(__file__).parent / "data"
FORMATS = {name: FrameFormat(name.lower()) for name in ("JPEG", "PNG", "WEBP", "BMP")}
WHOLE = (4096, 4096)
LONG = 60.0


def decode(
    name: str, data: bytes, max_seconds: float = LONG, model_input: Size = WHOLE
) -> tuple[Image.Image, Size]:
    return decode_file(
        FORMATS[name],
        memoryview(data),
        model_input=model_input,
        resize=ResizePolicy.STRETCH,
        max_pixels=50_000_000,
        max_seconds=max_seconds,
    )


def facts(orientation: int) -> bytes:
    """As TIFF, without the name that a JPEG puts before it."""
    return exif(orientation).tobytes().removeprefix(b"Exif\0\0")


def test_the_exif_behind_a_pngs_pixels_says_the_orientation() -> None:
    whole = file_of(gradient(40, 24), "PNG")
    end = whole.index(b"IEND") - 4
    picture, size = decode("PNG", whole[:end] + png_chunk(b"eXIf", facts(6)) + whole[end:])
    assert picture.size == size == (24, 40)


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt"])
def test_the_raw_profile_of_a_png_says_the_orientation(kind: bytes) -> None:
    profile = b"Exif\0\0" + facts(6)
    text = b"\nexif\n%8d\n%s\n" % (len(profile), profile.hex().encode())
    body = b"Raw profile type exif\0" + (text if kind == b"tEXt" else b"\0" + zlib.compress(text))
    whole = file_of(gradient(40, 24), "PNG")
    start = whole.index(b"IDAT") - 4
    assert decode("PNG", whole[:start] + png_chunk(kind, body) + whole[start:])[1] == (24, 40)


@pytest.mark.parametrize("name", FORMATS)
def test_pillow_reads_no_exif(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(gradient(40, 24), name, **({} if name == "BMP" else {"exif": exif(6)}))

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Image.Exif, "load", refuse)
    monkeypatch.setattr(Image.Exif, "__getitem__", refuse)
    assert decode(name, data)[1] == ((40, 24) if name == "BMP" else (24, 40))


def shared_facts(size: int) -> bytes:
    """An orientation, and 300 facts that all point to the same `size` bytes."""
    count, values = 301, 8 + 2 + 301 * 12 + 4
    entries = struct.pack("<HHIHxx", 0x0112, 3, 1, 6)
    for number in range(300):
        entries += struct.pack("<HHII", 0x9000 + number, 7, size, values)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", count) + entries + bytes(4) + bytes(size)


@pytest.mark.parametrize("name", ["PNG", "WEBP"])
def test_facts_that_share_their_bytes_cost_them_once(name: str) -> None:
    """Read all, they would be 300 times as many; Pillow has a few copies of the file's parts."""
    size = 2 << 20
    data = file_of(gradient(40, 24), name, exif=shared_facts(size))
    tracemalloc.start()
    try:
        assert decode(name, data)[1] == (24, 40)
        assert tracemalloc.get_traced_memory()[1] < 8 * size
    finally:
        tracemalloc.stop()


def test_an_index_of_pictures_in_a_jpeg_is_not_read() -> None:
    """Its entries may be as many and as large as those of EXIF."""
    whole = file_of(gradient(40, 24), "JPEG")
    index = jpeg_segment(0xE2, b"MPF\0" + shared_facts(20_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("PIL.TiffImagePlugin.ImageFileDirectory_v2.load", None)
        assert decode("JPEG", whole[:2] + index + whole[2:])[1] == (40, 24)


def test_every_picture_is_decoded_in_the_time_that_it_has() -> None:
    pictures = {
        "JPEG": jpeg_of_scans(50, Image.new("RGB", (64, 48), "teal"), progressive=True),
        "PNG": file_of(gradient(64, 48), "PNG"),
        "WEBP": file_of(gradient(64, 48), "WEBP"),
        "BMP": bmp_of_run_lengths(64, 48),
    }
    for name, data in pictures.items():
        assert decode(name, data)[1] == (64, 48)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("JPEG", jpeg_of_scans(90, Image.new("L", (2000, 2000), 9), progressive=True)),
        ("JPEG", jpeg_of_scans(90, Image.new("RGB", (1000, 1000), "teal"), progressive=True)),
        ("JPEG", file_of(Image.fromarray(noise(1500, 1500)), "JPEG", quality=95)),
        ("PNG", file_of(Image.fromarray(noise(1500, 1500)), "PNG", compress_level=1)),
        ("BMP", bmp_of_run_lengths(1024, 1024, b"\1\1" * 1024 + b"\0\0")),
    ],
    ids=["scans, grey", "scans, RGB", "baseline", "PNG", "run lengths"],
)
def test_a_picture_that_takes_longer_is_invalid(name: str, data: bytes) -> None:
    with pytest.raises(
        InvalidFrame,
        match=f"the {name} takes longer than 0.001 s to decode; send it smaller, as a baseline "
        "JPEG, or raise decode_seconds",
    ):
        decode(name, data, 0.001)


def looks_at_the_clock(data: bytes) -> int:
    """How many there are while a JPEG is decoded."""
    clock = itertools.count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "thread_time", lambda: float(next(clock)))
        decode("JPEG", data, 1e9)
    return next(clock)


def test_the_time_is_looked_at_before_each_scan() -> None:
    """A scan over the whole picture has 10 bytes here, and a block of a file thousands."""
    few = jpeg_of_scans(1, Image.new("L", (64, 64), 9), progressive=True)
    many = jpeg_of_scans(90, Image.new("L", (64, 64), 9), progressive=True)
    assert len(many) < 4000
    assert looks_at_the_clock(many) >= looks_at_the_clock(few) + 89


def test_the_time_is_looked_at_within_headers_that_are_long() -> None:
    whole = file_of(gradient(40, 24), "JPEG")
    few, many = (
        whole[:2] + jpeg_segment(0xE0, bytes(1000)) * count + whole[2:] for count in (1, 80)
    )
    assert looks_at_the_clock(few) <= 4
    assert looks_at_the_clock(many) >= looks_at_the_clock(few) + 80


def test_a_baseline_jpeg_is_read_in_large_blocks() -> None:
    """Its decoder is slower at the end of each."""
    small = file_of(Image.fromarray(noise(16, 16)), "JPEG", quality=95)
    large = file_of(Image.fromarray(noise(400, 400)), "JPEG", quality=95)
    blocks = len(large) // 65_536
    assert blocks >= 2
    assert looks_at_the_clock(large) - looks_at_the_clock(small) <= blocks + 1


def test_run_lengths_whose_end_was_not_written_are_damaged() -> None:
    """Zeros end a row that is not empty; they are no rows."""
    whole = bmp_of_run_lengths(64, 48, b"\x40\1\0\0")
    assert decode("BMP", whole)[1] == (64, 48)
    for part in (0.6, 0.8, 0.95):
        cut = int(len(whole) * part)
        with pytest.raises(InvalidFrame, match="the BMP is damaged"):
            decode("BMP", whole[:cut] + bytes(len(whole) - cut))


@pytest.mark.parametrize("name", ["arithmetic", "arithmetic_progressive"])
def test_an_arithmetic_jpeg_is_decoded_in_one_go(name: str) -> None:
    picture, size = decode("JPEG", (DATA / f"{name}.jpg").read_bytes())
    assert size == (64, 48)
    wanted = np.asarray(gradient(64, 48)).astype(int)
    assert np.abs(np.asarray(picture) - wanted).max() <= 12


def test_an_arithmetic_jpeg_of_many_scans_and_pixels_is_refused() -> None:
    data = bytearray((DATA / "arithmetic_progressive.jpg").read_bytes())
    at = data.index(b"\xff\xca") + 5
    data[at : at + 4] = struct.pack(">HH", 5000, 5000)
    with pytest.raises(InvalidFrame, match="arithmetic JPEG has 10 scans of 5000x5000 pixels"):
        decode("JPEG", bytes(data))
