"""A PNG is decoded without its ancillary chunks, and not if rows are missing."""

from __future__ import annotations

import struct
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
from edgesegd.imaging.png_chunks import MAX_CHUNKS, read_png
from support.pictures import Pixels, exif, file_of, gradient, noise, png_by_hand, png_chunk

DATA = Path(__file__).parent / "data"
FACTS = exif(6).tobytes().removeprefix(b"Exif\0\0")
PROFILE = b"\nexif\n%8d\n%s\n" % (len(FACTS) + 6, (b"Exif\0\0" + FACTS).hex().encode())
NAME = b"Raw profile type exif\0"
ADAM7 = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2))
"""Of all passes but the last, the first column and the step, the first row and the step."""


def decode(data: bytes) -> tuple[Pixels, Size]:
    picture, size = decode_file(
        FrameFormat.PNG,
        memoryview(data),
        model_input=(64, 64),
        resize=ResizePolicy.STRETCH,
        max_pixels=1_000_000,
        max_seconds=60,
    )
    return np.asarray(picture), size


def with_chunks(*chunks: bytes, behind: bytes = b"IHDR") -> bytes:
    """A PNG of 40x24 with chunks behind the first of a kind."""
    whole = file_of(gradient(40, 24), "PNG")
    at = whole.index(behind)
    end = at + 8 + int.from_bytes(whole[at - 4 : at])
    return whole[:end] + b"".join(chunks) + whole[end:]


def test_a_text_of_more_than_a_mebibyte_is_skipped() -> None:
    pixels, size = decode((DATA / "itxt_big.png").read_bytes())
    assert size == (320, 240)
    assert pixels.std() > 10


BIG = zlib.compress(bytes(3 << 20))
ANCILLARY = {
    "tEXt": b"Comment\0" + b"x" * (2 << 20),
    "zTXt": b"Comment\0\0" + BIG,
    "iTXt": b"XML:com.adobe.xmp\0\1\0\0\0" + BIG,
    "iCCP": b"profile\0\0" + BIG,
    "tRNS": b"\1",
    "acTL": b"\0",
    "gAMA": b"",
    "eXIf": bytes(2 << 20),
    "prVt": bytes(2 << 20),
    "zTXt profile": NAME + b"\0" + BIG,
    "zTXt damaged": NAME + b"\0" + b"not compressed",
    "iTXt profile": NAME + b"\1",
}


@pytest.mark.parametrize("name", ANCILLARY)
@pytest.mark.parametrize("behind", [b"IHDR", b"IDAT"])
def test_chunks_that_are_not_needed_are_skipped_whatever_is_in_them(
    name: str, behind: bytes
) -> None:
    kind = name[:4].encode()
    pixels, size = decode(with_chunks(png_chunk(kind, ANCILLARY[name]), behind=behind))
    assert size == (40, 24)
    assert np.array_equal(pixels, np.asarray(gradient(40, 24)))


def test_a_wrong_checksum_of_a_chunk_that_is_not_needed_is_no_damage() -> None:
    assert decode(with_chunks(png_chunk(b"tEXt", b"a\0b")[:-1] + b"!"))[1] == (40, 24)
    whole = file_of(gradient(40, 24), "PNG")
    at = whole.index(b"IDAT") + 20
    with pytest.raises(InvalidFrame, match="the PNG is damaged: broken"):
        decode(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"eXIf", FACTS),
        png_chunk(b"eXIf", b"Exif\0\0" + FACTS),
        png_chunk(b"tEXt", NAME + PROFILE),
        png_chunk(b"zTXt", NAME + b"\0" + zlib.compress(PROFILE)),
        png_chunk(b"iTXt", NAME + b"\0\0en\0name\0" + PROFILE),
        png_chunk(b"iTXt", NAME + b"\1\0en\0name\0" + zlib.compress(PROFILE)),
        png_chunk(b"tEXt", NAME + b"no profile") + png_chunk(b"eXIf", FACTS),
    ],
    ids=["eXIf", "eXIf with a name", "tEXt", "zTXt", "iTXt", "compressed iTXt", "both"],
)
@pytest.mark.parametrize("behind", [b"IHDR", b"IDAT"])
def test_the_orientation_is_read_from_every_chunk_that_may_have_it(
    chunk: bytes, behind: bytes
) -> None:
    assert decode(with_chunks(chunk, behind=behind))[1] == (24, 40)


def test_only_what_the_decoder_needs_is_handed_on_and_copied_once() -> None:
    whole = file_of(gradient(40, 24), "PNG")
    assert read_png(memoryview(whole)).data == whole
    large = with_chunks(png_chunk(b"tEXt", b"a\0" + bytes(8 << 20)))
    assert read_png(memoryview(large)).data == whole
    noisy = file_of(Image.fromarray(noise(1000, 1000)), "PNG", compress_level=0)
    tracemalloc.start()
    try:
        read_png(memoryview(noisy))
        assert len(noisy) <= tracemalloc.get_traced_memory()[1] < len(noisy) + (1 << 20)
    finally:
        tracemalloc.stop()


def test_a_png_of_endless_chunks_is_refused() -> None:
    with pytest.raises(InvalidFrame, match="more than 100,000 chunks"):
        decode(with_chunks(png_chunk(b"tEXt", b"") * MAX_CHUNKS))


def rows_of(pixels: Pixels) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in pixels if row.size)


def interlaced(pixels: Pixels, part: float = 1.0) -> bytes:
    """An RGB PNG by hand in Adam7's passes, of which the first part is there."""
    height, width, _ = pixels.shape
    passes = (*ADAM7, (0, 1, 1, 2))
    rows = b"".join(rows_of(pixels[top::down, left::across]) for left, across, top, down in passes)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    body = zlib.compress(rows[: int(len(rows) * part)])
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (8, 8), (37, 21)])
def test_an_interlaced_png_is_decoded(size: Size) -> None:
    pixels = noise(*size)
    assert np.array_equal(decode(interlaced(pixels))[0], pixels)


@pytest.mark.parametrize("part", [0.1, 0.3, 0.6, 0.99])
def test_an_interlaced_png_that_lacks_pixels_is_damaged(part: float) -> None:
    with pytest.raises(InvalidFrame, match="the PNG is damaged"):
        decode(interlaced(noise(37, 21), part))


KINDS = {
    "1 bit": (1, 0, 1),
    "2 bit": (2, 0, 2),
    "4 bit": (4, 0, 4),
    "grey": (8, 0, 8),
    "grey, 16 bit": (16, 0, 16),
    "grey and alpha": (8, 4, 16),
    "colour": (8, 2, 24),
    "colour, 16 bit": (16, 2, 48),
    "colour and alpha": (8, 6, 32),
    "colour and alpha, 16 bit": (16, 6, 64),
}
"""Bits of a sample, colour type, bits of a pixel."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("black", [False, True])
def test_a_png_of_every_kind_must_have_all_its_rows(kind: str, black: bool) -> None:
    depth, colour, bits = KINDS[kind]
    length = (13 * bits + 7) // 8
    row = b"\0" + bytes([0 if black else 0xB7]) * length
    assert decode(png_by_hand(13, 9, depth, colour, row * 9))[1] == (13, 9)
    with pytest.raises(InvalidFrame, match="the PNG is damaged"):
        decode(png_by_hand(13, 9, depth, colour, b""))
    for rows in (1, 5, 8):
        with pytest.raises(InvalidFrame, match="the PNG is damaged"):
            decode(png_by_hand(13, 9, depth, colour, row * rows))


def test_the_end_of_a_png_may_be_missing() -> None:
    """Its last chunk, and the checksum of its rows: all pixels are there."""
    whole = file_of(gradient(40, 24), "PNG")
    for missing in (1, 4, 12, 16, 17):
        pixels, _ = decode(whole[:-missing])
        assert np.array_equal(pixels, np.asarray(gradient(40, 24)))


def test_the_upper_bits_of_a_grey_png_of_16_bits_are_used() -> None:
    pixels, _ = decode((DATA / "gray16.png").read_bytes())
    with Image.open(DATA / "gray16.png") as image:
        values = np.asarray(image).astype(int)
    assert values.max() > 255
    assert np.array_equal(pixels, values >> 8)


def in_chunks(whole: bytes, count: int) -> tuple[bytes, list[bytes], bytes]:
    """What is before the pixels of a PNG that are in one chunk, `count` chunks of them, the end."""
    at = whole.index(b"IDAT")
    end = at + 4 + int.from_bytes(whole[at - 4 : at])
    step = -(-(end - at - 4) // count)
    parts = [whole[start : min(start + step, end)] for start in range(at + 4, end, step)]
    return whole[: at - 4], [png_chunk(b"IDAT", part) for part in parts], whole[end + 4 :]


PICTURES = {
    "noise": Image.fromarray(noise(120, 80)),
    "smooth": gradient(300, 200),
    "grey": gradient(300, 200).convert("L"),
    "palette": gradient(300, 200).convert("P"),
    "alpha": gradient(300, 200).convert("RGBA"),
    "black at its end": Image.fromarray(np.vstack([noise(90, 60), np.zeros_like(noise(90, 60))])),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_a_png_whose_end_was_not_written_is_damaged(name: str, level: int) -> None:
    """A download into a file that had its full length before has zeros there."""
    before, chunks, _ = in_chunks(file_of(PICTURES[name], "PNG", compress_level=level), 4)
    whole = before + b"".join(chunks) + png_chunk(b"IEND", b"")
    for part in (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95):
        cut = int(len(whole) * part)
        with pytest.raises(InvalidFrame, match="the PNG is damaged"):
            decode(whole[:cut] + bytes(len(whole) - cut))


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("count", [1, 7])
def test_bytes_of_a_png_that_were_overwritten_are_damage(name: str, count: int) -> None:
    before, chunks, behind = in_chunks(file_of(PICTURES[name], "PNG"), count)
    first, size = len(before) + 8, sum(map(len, chunks))
    whole = before + b"".join(chunks) + behind
    for part in (0.1, 0.35, 0.6, 0.97):
        at = first + int((size - 20) * part)
        for other in (bytes([whole[at] ^ 0x10]), bytes(3)):
            if other == whole[at : at + len(other)]:
                continue
            with pytest.raises(InvalidFrame, match="the PNG is damaged"):
                decode(whole[:at] + other + whole[at + len(other) :])


def test_a_part_of_a_pngs_pixels_that_is_not_recognised_is_damage() -> None:
    """Pillow goes on with the next part; all checksums of chunks that are read are right."""
    before, chunks, behind = in_chunks(file_of(PICTURES["smooth"], "PNG"), 7)
    for number, chunk in enumerate(chunks):
        changes = (
            chunk[:4] + b"iDAT" + chunk[8:],
            png_chunk(b"prVt", chunk[8:-4]),
            b"\0\1" + chunk[2:],
        )
        for changed in changes[: 3 if number < len(chunks) - 1 else 2]:
            parts = [*chunks[:number], changed, *chunks[number + 1 :]]
            with pytest.raises(InvalidFrame, match="the PNG is damaged"):
                decode(before + b"".join(parts) + behind)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("count", [1, 7])
def test_a_png_that_has_all_its_pixels_is_decoded_whatever_its_checksums_are(
    name: str, count: int
) -> None:
    """Its compressed data have one of their own, and either may be missing with the end."""
    before, chunks, behind = in_chunks(file_of(PICTURES[name], "PNG"), count)
    whole = before + b"".join(chunks) + behind
    wanted = decode(whole)[0]
    wrong = [chunk[:-4] + bytes(4) for chunk in chunks]
    text = png_chunk(b"tEXt", b"a\0b")
    for changed in (
        before + b"".join(wrong) + behind,
        before + text.join(chunks) + text + behind,
        whole + bytes(5000),
        *(whole[:-missing] + bytes(zeros) for missing in (12, 14, 16) for zeros in (0, 3, 5000)),
        *(whole[:-missing] for missing in (18, 19, 20)),
        whole[:-17] + bytes(17),
    ):
        assert np.array_equal(decode(changed)[0], wanted)
