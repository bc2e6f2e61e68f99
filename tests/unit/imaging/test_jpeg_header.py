"""The decoder gets a JPEG without the facts about it, and decodes it as if they were there."""

from __future__ import annotations

import io
import random
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from edgesegd.core.errors import InvalidFrame
from edgesegd.imaging.exif import UPRIGHT
from edgesegd.imaging.jpeg_header import MAX_SEGMENTS, read_jpeg
from support.pictures import exif, file_of, gradient, jpeg_segment, noise

DATA = Path(__file__).parent / "data"
APP0, APP1, APP2, APP13, APP14, COM = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
MODES = {"L": (0,), "RGB": (0, 1, 2), "CMYK": (0, 2)}
"""Of each mode the chroma subsamplings that are tried."""
CODINGS: dict[str, dict[str, object]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "optimized": {"optimize": True},
    "restarts": {"restart_marker_blocks": 2},
    "progressive with restarts": {"progressive": True, "restart_marker_rows": 1},
    "colour profile": {"icc_profile": bytes(150_000)},
    "comment": {"comment": b"\xff\xd8\xff\xda"},
}
"""An older Pillow ignores those that it does not know."""

# Pillow's own way warns of facts that are damaged.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def exif_segment(orientation: int) -> bytes:
    facts = exif(orientation).tobytes()
    return jpeg_segment(APP1, facts if facts.startswith(b"Exif") else b"Exif\0\0" + facts)


FACTS = (
    jpeg_segment(APP1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
    jpeg_segment(APP2, b"MPF\0II*\0" + bytes(60)),
    jpeg_segment(APP13, b"Photoshop 3.0\x008BIM" + bytes(20)),
    jpeg_segment(COM, b"a start of a scan: \xff\xda"),
)


def pixels(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    """What Pillow's own way makes of it."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.mode, image.size, image.tobytes()


def kept(data: bytes) -> bytes:
    return read_jpeg(memoryview(data)).data


def plain() -> bytes:
    return file_of(gradient(40, 24), "JPEG", subsampling=0)


@pytest.mark.parametrize(
    ("mode", "subsampling"), [(mode, each) for mode in MODES for each in MODES[mode]]
)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [(1, 1), (53, 37)])
def test_jpegs_are_decoded_as_by_pillow_alone(
    mode: str, subsampling: int, coding: str, size: tuple[int, int]
) -> None:
    picture = Image.fromarray(noise(*size)).convert(mode)
    for quality in (30, 95):
        whole = file_of(
            picture,
            "JPEG",
            quality=quality,
            subsampling=subsampling,
            exif=exif(6),
            **CODINGS[coding],
        )
        facts = whole[:2] + b"".join(FACTS) + whole[2:]
        for data in (whole, facts):
            assert pixels(kept(data)) == pixels(data)
            assert read_jpeg(memoryview(data)).orientation == 6


@pytest.mark.parametrize("name", ["arithmetic", "arithmetic_progressive"])
def test_an_arithmetic_jpeg_is_decoded_as_by_pillow_alone(name: str) -> None:
    data = (DATA / f"{name}.jpg").read_bytes()
    data = data[:2] + b"".join(FACTS) + data[2:]
    assert pixels(kept(data)) == pixels(data)
    assert read_jpeg(memoryview(data)).arithmetic
    assert read_jpeg(memoryview(data)).one_scan == (name == "arithmetic")


@pytest.mark.parametrize("transform", [0, 1])
def test_the_colours_that_adobe_says_stay(transform: int) -> None:
    whole = plain()
    start = whole.index(b"\xff\xdb")
    adobe = jpeg_segment(APP14, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))
    data = whole[:2] + FACTS[0] + adobe + FACTS[1] + whole[start:]
    assert pixels(kept(data)) == pixels(data)
    assert kept(data) == whole[:2] + adobe + whole[start:]


def test_only_facts_about_the_picture_are_left_out() -> None:
    whole = plain()
    assert kept(whole) == whole
    assert kept(whole[:2] + b"".join(FACTS) + exif_segment(3) + whole[2:]) == whole


def test_facts_between_and_after_scans_stay_as_they_are() -> None:
    whole = file_of(gradient(40, 24), "JPEG", progressive=True)
    at = whole.rindex(b"\xff\xda")
    data = whole[:at] + b"".join(FACTS) + whole[at:] + exif_segment(6)
    assert kept(data) == data
    assert pixels(data) == pixels(whole)
    assert read_jpeg(memoryview(data)).orientation == UPRIGHT


def test_fill_bytes_and_bytes_between_segments_are_skipped() -> None:
    whole = plain()
    at = whole.index(b"\xff\xdb")
    for junk in (b"\xff", b"\xff" * 9, b"\xff\0", b"junk", b"\xff\0\xff\0 \xff"):
        data = whole[:at] + FACTS[0] + junk + whole[at:]
        assert kept(data) == whole
        assert pixels(data) == pixels(whole)


def test_a_late_start_of_frame_is_found() -> None:
    whole = plain()
    frame, tables = whole.index(b"\xff\xc0"), whole.index(b"\xff\xc4")
    scan = whole.index(b"\xff\xda")
    data = whole[:frame] + whole[tables:scan] + whole[frame:tables] + FACTS[0] + whole[scan:]
    assert pixels(kept(data)) == pixels(data) == pixels(whole)
    assert read_jpeg(memoryview(data)).one_scan


def test_tables_in_a_picture_of_their_own_stay() -> None:
    whole = plain()
    frame = whole.index(b"\xff\xc0")
    data = whole[:frame] + b"\xff\xd9\xff\xd8" + FACTS[0] + whole[frame:]
    assert pixels(kept(data)) == pixels(data) == pixels(whole)


def test_the_first_exif_says_the_orientation() -> None:
    whole = plain()
    xmp, odd = FACTS[0], jpeg_segment(APP1, b"Exif\0")
    data = whole[:2] + xmp + odd + exif_segment(6) + exif_segment(3) + whole[2:]
    assert read_jpeg(memoryview(data)).orientation == 6


def test_all_of_a_picture_is_in_its_one_scan_or_not() -> None:
    assert read_jpeg(memoryview(plain())).one_scan
    assert not read_jpeg(memoryview(file_of(gradient(9, 9), "JPEG", progressive=True))).one_scan
    whole = plain()
    at = whole.index(b"\xff\xda")
    parts = whole[:at] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(9)
    assert not read_jpeg(memoryview(parts)).one_scan


def test_a_cut_file_is_as_damaged_as_it_was() -> None:
    whole = plain()
    whole = whole[:2] + FACTS[0] + exif_segment(6) + whole[2:]
    for size in range(3, len(whole) - 2, 3):
        with pytest.raises((OSError, SyntaxError)):
            pixels(whole[:size])
        with pytest.raises((OSError, SyntaxError)):
            pixels(kept(whole[:size]))


def test_wrong_bytes_in_the_header_change_nothing_about_the_outcome() -> None:
    dice = random.Random(0)
    whole = plain()
    whole = whole[:2] + FACTS[0] + exif_segment(6) + whole[2:]
    outcomes = set()
    for _ in range(500):
        data = bytearray(whole)
        at = dice.randrange(3, whole.index(b"\xff\xda"))
        data[at] = dice.choice((0, 0xFF, 0xE1, 0xDA, 0xD8, dice.randrange(256)))
        alone = outcome(bytes(data))
        try:
            assert outcome(kept(bytes(data))) == alone
        except InvalidFrame:
            assert alone is None
        outcomes.add(alone is None)
    assert outcomes == {True, False}


def outcome(data: bytes) -> object:
    try:
        return pixels(data)
    except (OSError, SyntaxError):
        return None


def test_a_marker_that_no_header_has_is_refused() -> None:
    """Pillow would go on behind some of them, and read what stands there."""
    whole = plain()
    for code in (0x01, 0xBF, 0xC8, 0xF0, 0xFD):
        with pytest.raises(InvalidFrame, match=f"the JPEG is damaged: .* 0x{code:02x}"):
            read_jpeg(memoryview(whole[:2] + bytes([0xFF, code]) + exif_segment(6) + whole[2:]))


def test_a_jpeg_of_endless_segments_is_refused() -> None:
    whole = plain()
    assert kept(whole[:2] + jpeg_segment(COM, b"") * (MAX_SEGMENTS - 20) + whole[2:]) == whole
    with pytest.raises(InvalidFrame, match="more than 10,000 segments before its first scan"):
        read_jpeg(memoryview(whole[:2] + jpeg_segment(COM, b"") * MAX_SEGMENTS + whole[2:]))


@pytest.mark.parametrize("facts", [b"", b"".join(FACTS)])
def test_the_bytes_are_copied_once(facts: bytes) -> None:
    whole = plain()
    size = 8 << 20
    data = memoryview(whole[:2] + facts + whole[2:] + bytes(size))
    tracemalloc.start()
    try:
        io.BytesIO(read_jpeg(data).data)
        assert size <= tracemalloc.get_traced_memory()[1] < size + (1 << 20)
    finally:
        tracemalloc.stop()
