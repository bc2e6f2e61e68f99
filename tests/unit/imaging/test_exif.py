"""The orientation is found where EXIF has it, and nothing else costs anything."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesegd.imaging.exif import (
    MAX_ENTRIES,
    ORIENTATION_TAG,
    UPRIGHT,
    read_orientation,
    read_raw_profile,
)
from support.pictures import exif

SHORT, LONG = 3, 4
SAID = (ORIENTATION_TAG, SHORT, 1, 6)


def facts(*entries: tuple[int, int, int, int], order: str = "<", offset: int = 8) -> bytes:
    """EXIF whose first directory has these entries: tag, type, count, value."""
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", offset)
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        pattern = "HHIHxx" if kind == SHORT else "HHII"
        directory += struct.pack(order + pattern, tag, kind, count, value)
    return start + bytes(offset - len(start)) + directory


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_read_in_either_byte_order(orientation: int, order: str) -> None:
    entry = (ORIENTATION_TAG, SHORT, 1, orientation)
    assert read_orientation(facts(entry, order=order)) == orientation
    assert read_orientation(b"Exif\0\0" + facts(entry, order=order)) == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_pillow_writes_is_read(orientation: int) -> None:
    assert read_orientation(memoryview(exif(orientation).tobytes())) == orientation


@pytest.mark.parametrize(
    "odd",
    [
        facts((0x0110, 2, 20, 9999), SAID, (0x8825, LONG, 1, 1 << 31)),
        facts(SAID, offset=1000),
        facts((ORIENTATION_TAG, LONG, 1, 6)),
        facts((ORIENTATION_TAG, LONG, 1, 6), order=">"),
        facts(SAID)[:2] + b"\0*" + facts(SAID)[4:],
        facts(SAID, SAID, SAID)[:-5],
    ],
    ids=["among others", "far away", "a LONG", "a LONG, MM", "wrong 42", "cut short"],
)
def test_what_cameras_do_otherwise_is_tolerated(odd: bytes) -> None:
    assert read_orientation(odd) == 6


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"Exif\0\0",
        b"II",
        b"II*\0\xff\xff\xff\xff",
        facts(),
        facts(SAID)[:-1],
        facts((ORIENTATION_TAG, SHORT, 2, 6)),
        facts((ORIENTATION_TAG, SHORT, 0, 6)),
        facts((ORIENTATION_TAG, 2, 1, 6)),
        facts((ORIENTATION_TAG, LONG, 1, 6 + (1 << 16))),
        facts((ORIENTATION_TAG, SHORT, 1, 0)),
        facts((ORIENTATION_TAG, SHORT, 1, 9)),
        b"XX" + facts(SAID)[2:],
        b"II+\0" + facts(SAID)[4:],
    ],
)
def test_anything_odd_is_upright(odd: bytes) -> None:
    assert read_orientation(odd) == UPRIGHT


def test_only_so_many_entries_are_looked_at() -> None:
    others = [(0x0110, SHORT, 1, 1)] * MAX_ENTRIES
    assert read_orientation(facts(*others[1:], SAID)) == 6
    assert read_orientation(facts(*others, SAID)) == UPRIGHT


@given(st.binary(max_size=200))
def test_no_bytes_are_an_error(data: bytes) -> None:
    for start in (b"", b"Exif\0\0", b"II*\0", b"MM\0*\0\0\0\x08"):
        assert 1 <= read_orientation(start + data) <= 8


def test_facts_that_all_point_to_the_same_megabytes_are_not_copied() -> None:
    size = 10 << 20
    entries = [(0x9000 + number, 7, size, 4000) for number in range(300)]
    data = memoryview(facts(*entries, SAID) + bytes(size))
    tracemalloc.start()
    try:
        assert read_orientation(data) == 6
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_raw_profile_of_imagemagick_is_read() -> None:
    wanted = b"Exif\0\0" + facts(SAID)
    digits = wanted.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    assert read_raw_profile(f"\nexif\n      {len(wanted)}\n{lines}\n") == wanted


@pytest.mark.parametrize("text", ["", "\nexif\n", "\nexif\n  3\nxyz", "\nexif\n  3\nabc"])
def test_a_raw_profile_that_is_none_is_empty(text: str) -> None:
    assert read_raw_profile(text) == b""
