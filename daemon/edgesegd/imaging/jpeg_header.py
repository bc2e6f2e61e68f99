"""Removes segments from a JPEG that its decoder does not need: ISO/IEC 10918-1, annex B."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.imaging.exif import PREFIX, UPRIGHT, read_orientation

MARKER = re.compile(rb"\xff[\x01-\xfe]")
"""Matches any marker. Other bytes between segments and repeated 0xFF are left out: libjpeg skips
them, and Pillow would need a step of Python for each."""
SOI_SIZE = 2
APP0, APP1, APP14, APP15, COM = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
FIRST_ARITHMETIC = 0xC9
JPEG_LS = frozenset({0xF7, 0xF8})
"""The markers that only JPEG-LS has: start of frame, and parameters. Source: ITU-T T.87, table
C.1."""
BITS = 8
"""Bits of a sample in the JPEGs that the decoder reads."""
START_OF_SCAN = 0xDA
RESTART_INTERVAL = 0xDD
WITHOUT_LENGTH = frozenset(range(0xD0, 0xDA))
"""Markers without a length behind them: restarts, and the start and the end of a picture, because a
picture that holds only tables may come first."""
KNOWN = (frozenset(range(0xC0, 0xF0)) - {0xC8}) | {COM}
"""The markers that libjpeg reads, and some that it refuses by itself."""
DROPPED = (frozenset(range(APP0, APP15 + 1)) | {COM}) - {APP0, APP14}
"""The segments that the decoder does not need: facts about a picture. APP0 and APP14 are kept,
because they say which colours its components are."""
MAX_SEGMENTS = 10_000
"""How many segments may be before the first scan. A colour profile has at most 255, and so has
extended XMP of 16 MB."""


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A JPEG for the decoder: `data` is the file without the segments that are not needed.

    With `one_scan` the whole picture is in its first scan, so that no other is read. An
    `arithmetic` JPEG must be decoded in one call, a `lossless` one at full size. `size` is width
    and height; `components` are their ids, and `sampling` how often each is sampled, across in the
    upper four bits and down in the lower ones. `restart_interval` is that of the first scan, 0 for
    none. `first_scan` is where that begins in `data`, its length if it has none.
    """

    data: bytes
    orientation: int
    one_scan: bool
    arithmetic: bool
    progressive: bool
    lossless: bool
    size: tuple[int, int]
    components: bytes
    sampling: bytes
    restart_interval: int
    first_scan: int


def read_jpeg(data: memoryview) -> Jpeg:
    """Copy a JPEG, once, without the segments that the decoder does not need.

    Other errors in the file are left to the decoder; a field behind the end of the file is read as
    0. Raises InvalidFrame if there are too many segments before the first scan, if they cannot be
    distinguished, or for a kind of JPEG that no decoder here reads.
    """
    kept: list[memoryview] = []
    kept_from, end, scan = 0, SOI_SIZE, len(data)
    exif: memoryview | None = None
    frame = scanned = interval = 0
    size, components, sampling = (0, 0), b"", b""
    for _ in range(MAX_SEGMENTS):
        if (found := MARKER.search(data, end)) is None:
            break
        if found.start() > end:
            kept.append(data[kept_from:end])
            kept_from = found.start()
        at, code = found.end(), data[found.end() - 1]
        if code not in KNOWN:
            raise _unknown(code)
        end = at + (0 if code in WITHOUT_LENGTH else max(2, int.from_bytes(data[at : at + 2])))
        if code == START_OF_SCAN:
            scanned, scan = int.from_bytes(data[at + 2 : at + 3]), found.start()
            break
        if code in START_OF_FRAME:
            frame, components = code, bytes(data[at + 8 : end : 3])
            sampling = bytes(data[at + 9 : end : 3])
            size = int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 3 : at + 5])
            _check_bits(int.from_bytes(data[at + 2 : at + 3]))
        if code == RESTART_INTERVAL:
            interval = int.from_bytes(data[at + 2 : at + 4])
        if code == APP1 and exif is None and data[at + 2 : at + 2 + len(PREFIX)] == PREFIX:
            exif = data[at + 2 : end]
        if code in DROPPED:
            kept.append(data[kept_from : found.start()])
            kept_from = end
    else:
        raise InvalidFrame(
            f"the JPEG has more than {MAX_SEGMENTS:,} segments before its first scan",
            InvalidReason.TOO_COSTLY,
        )
    kept.append(data[kept_from:])
    whole = b"".join(kept)
    return Jpeg(
        data=whole,
        orientation=UPRIGHT if exif is None else read_orientation(exif),
        one_scan=frame not in PROGRESSIVE and 0 < len(components) == scanned,
        arithmetic=frame >= FIRST_ARITHMETIC,
        progressive=frame in PROGRESSIVE,
        lossless=frame in LOSSLESS,
        size=size,
        components=components,
        sampling=sampling,
        restart_interval=interval,
        first_scan=len(whole) - (len(data) - scan),
    )


def _unknown(code: int) -> InvalidFrame:
    if code in JPEG_LS:
        return _undecodable("it is a JPEG-LS")
    return InvalidFrame(
        f"the JPEG is damaged: no header has a marker 0x{code:02x}", InvalidReason.DAMAGED
    )


def _check_bits(bits: int) -> None:
    if bits > BITS:
        raise _undecodable(f"its samples have {bits} bits, and not {BITS}")


def _undecodable(reason: str) -> InvalidFrame:
    return InvalidFrame(
        f"the JPEG cannot be decoded: {reason}; send it as a baseline JPEG, or as PNG",
        InvalidReason.UNSUPPORTED,
    )
