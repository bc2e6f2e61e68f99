"""What cannot be decoded says why; only what is damaged is called so."""

from __future__ import annotations

import struct

import pytest

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import FrameFormat, FrameLimits, FrameSpec
from edgesegd.core.frame_check import check_frame
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.codec import decode_frame
from support.pictures import bmp_of_run_lengths, file_of, gradient


def complaint(data: bytes) -> str:
    limits = FrameLimits(1 << 24, 1_000_000)
    with pytest.raises(InvalidFrame) as caught:
        decode_frame(
            check_frame(FrameSpec(FrameFormat.AUTO), data, limits),
            memoryview(data),
            model_input=(64, 64),
            resize=ResizePolicy.STRETCH,
            max_pixels=limits.pixels,
            max_seconds=60,
        )
    return str(caught.value)


def bmp(*, header: int = 40, bits: int = 24, compression: int = 0) -> bytes:
    """An 8x8 BMP whose header says so."""
    body = struct.pack("<IiiHHIIiiII", header, 8, 8, 1, bits, compression, 192, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 14 + 40 + 192, 0, 0, 54) + body + bytes(192)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bmp(compression=4), "Unsupported BMP compression (4)"),
        (bmp(compression=5), "Unsupported BMP compression (5)"),
        (bmp(bits=3), "Unsupported BMP pixel depth (3)"),
        (bmp(header=33), "Unsupported BMP header type (33)"),
        (bmp(bits=16, compression=3), "Unsupported BMP bitfields layout"),
    ],
    ids=["JPEG in a BMP", "PNG in a BMP", "3 bits", "an unknown header", "unknown bit fields"],
)
def test_a_bmp_that_is_not_read_cannot_be_decoded(data: bytes, reason: str) -> None:
    said = complaint(data)
    assert said == f"the BMP cannot be decoded: {reason}; send it as a JPEG or PNG"


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "BMP"])
def test_every_truncated_file_is_damaged_or_lacks_only_its_end(file_format: str) -> None:
    data = file_of(gradient(60, 40), file_format)
    for size in range(14, len(data) - 40, 7):
        assert f"the {file_format} is damaged: " in complaint(data[:size])


def test_a_bmp_of_run_lengths_that_ends_too_early_is_damaged() -> None:
    whole = bmp_of_run_lengths(64, 48)
    assert "the BMP is damaged" in complaint(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypheix", "HEIC"),
        (b"\0\0\0\x18ftypmif1", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafheic", "HEIC"),
        (b"\0\0\0\x20ftypavif", "AVIF"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiafMA1B", "AVIF"),
        (b"\0\0\0\x1cftypmsf1\0\0\0\0miafmsf1avis", "AVIF"),
        (b"GIF89a", "GIF"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    ],
)
def test_a_picture_of_another_kind_is_named_with_what_to_do(start: bytes, name: str) -> None:
    said = complaint(start + bytes(100))
    assert f"it is {name}, which the daemon does not decode: send it as JPEG or PNG" in said
    assert ("edgeseg_client" in said) == (name in ("HEIC", "AVIF"))
