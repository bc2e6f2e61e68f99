"""Whether all restart intervals of a JPEG's scan are there: ISO/IEC 10918-1, A.2 and E.1.4.

libjpeg fills intervals that are missing with others or with grey, and Pillow does not pass its
warning on. But the headers say how many there are, and their markers are numbered from 0 to 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.imaging.jpeg_header import Jpeg

RESTART = re.compile(rb"\xff([\xd0-\xd7])")
IN_ORDER = bytes(range(0xD0, 0xD8))
NOTHING_BETWEEN = re.compile(rb"\xff[\xd0-\xd7]\xff+[\xd0-\xd7]")
"""Matches two restart markers with nothing between them. Huffman's code never has that, because an
interval has at least one bit; an arithmetic one may."""
AT_THE_END = re.compile(rb"\xff+([\xd0-\xd7])\Z")
MAX_END = 16
"""How many bytes at the end of a scan are searched for a restart marker behind its last
interval."""
PART = 1 << 20
"""How many bytes are searched at a time: each two of them may be a marker, which takes memory."""
BLOCK = 8
"""Pixels along a side of a block."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan begins at `start`, and its header ends at `data`.

    Of its units, those before a restart are an `interval`; with 0 it has no restarts.
    """

    start: int
    data: int
    interval: int


def check_restarts(jpeg: Jpeg, scan: Scan, end: int) -> None:
    """Raise InvalidFrame if restart intervals of a scan whose data end at `end` are missing."""
    if not scan.interval or (units := _units(jpeg, scan)) is None:
        return
    wanted = (units - 1) // scan.interval
    following = IN_ORDER[wanted % len(IN_ORDER)]
    found = AT_THE_END.search(jpeg.data, max(scan.data, end - MAX_END), end)
    if found and found[1][0] == following:
        end = found.start()  # some cameras write one behind the last interval
    count, in_order = 0, True
    for codes in _restarts(jpeg.data, scan.data, end):
        expected = IN_ORDER * (len(codes) // len(IN_ORDER) + 2)
        in_order = in_order and expected.startswith(codes, count % len(IN_ORDER))
        count += len(codes)
    if count != wanted:
        raise InvalidFrame(
            f"the JPEG is damaged: a scan has {count:,} restart markers, and not {wanted:,}",
            InvalidReason.DAMAGED,
        )
    if not in_order:
        raise InvalidFrame(
            "the JPEG is damaged: its restart markers are not in order", InvalidReason.DAMAGED
        )
    empty = RESTART.match(jpeg.data, scan.data) or NOTHING_BETWEEN.search(jpeg.data, scan.data, end)
    if wanted and empty and not jpeg.arithmetic:
        raise InvalidFrame(
            "the JPEG is damaged: there is nothing before a restart marker", InvalidReason.DAMAGED
        )


def _units(jpeg: Jpeg, scan: Scan) -> int | None:
    """The number of units (MCU) of a scan; None if its headers are wrong, which is refused later.

    Those of a scan of one component are its own blocks, without any that only fill up others.
    """
    header = jpeg.data[scan.start + 4 : scan.data]
    own = header[1 : 1 + 2 * header[0] : 2] if header else b""
    across, down = (
        dict(
            zip(jpeg.components, (factor >> shift & 0x0F for factor in jpeg.sampling), strict=False)
        )
        for shift in (4, 0)
    )
    if not own or not across.keys() >= set(own) or not all((*across.values(), *down.values())):
        return None
    block = 1 if jpeg.lossless else BLOCK
    units = 1
    for side, factors in zip(jpeg.size, (across, down), strict=True):
        factor = factors[own[0]] if len(own) == 1 else 1
        units *= -(-side * factor // (max(factors.values()) * block))
    return units or None


def _restarts(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """The second bytes of all restart markers, in parts."""
    while start < end:
        stop = min(start + PART, end)
        if data[stop - 1] == 0xFF:
            stop = min(stop + 1, end)
        yield b"".join(RESTART.findall(data, start, stop))
        start = stop
