"""Where the data of a JPEG end, and whether they end too early: ISO/IEC 10918-1, annexes B and G.

libjpeg takes any marker for the end of a scan, and fills what is missing with grey, or with what
the scans before have; Pillow does not pass its warning on. Without a marker libjpeg waits for more
data, which Pillow reports. So a picture whose one scan holds everything is decoded without its end
marker, which may then be missing in the file too. In a picture of several scans the last one is cut
if its decoder does not drop, before the end marker, bytes that no code is made of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgesegd.imaging.jpeg_header import (
    MAX_SEGMENTS,
    RESTART_INTERVAL,
    START_OF_SCAN,
    WITHOUT_LENGTH,
    Jpeg,
)
from edgesegd.imaging.jpeg_restarts import Scan, check_restarts

ANY_BUT_RESTART = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
END_MARKER = b"\xff\xd9"
FILLER = b"\xff\0" * 8
"""Eight bytes of ones, which no code is made of. libjpeg wants so many behind the last bits of a
picture, because its buffer has 64 bits. In a picture that is cut they make one or two blocks at
most."""
OTHER_FILLER = bytes(range(1, 255, 3))
PROBES = (b"\xff\0",) * 8
"""What the decoder is given behind a scan to see whether it waits for more of it. Each probe has
eight bits, and a block that begins with a code waits for 17. Within a run of blocks that have no
codes some probes may be taken, but hardly all."""
AFTER_ARITHMETIC = bytes(4) + OTHER_FILLER + END_MARKER
"""The other end of an arithmetic JPEG. Its decoder cannot wait for data, and zeros at the end may
have been left out: D.1.8."""
SCAN_HEADER = 4
"""Bytes of a scan's header before its fields: these are its marker and its length."""
COEFFICIENTS = 64


@dataclass(frozen=True, slots=True)
class JpegEnd:
    """How a JPEG is handed to the decoder: its data up to `offset`, then `tail`.

    If there is an `other_tail`, the picture must be the same with it: otherwise a scan is cut. If
    it is `probed`, PROBES and the end marker follow the tail, and the decoder must leave nothing of
    a probe, as behind a whole scan: within one that is cut, each is too short for a block.
    `cut` is whether the end marker is missing, and scans are too.
    """

    offset: int
    tail: bytes
    other_tail: bytes = b""
    cut: bool = False
    probed: bool = False


def find_end(jpeg: Jpeg) -> JpegEnd:
    """The end of a JPEG; raises InvalidFrame if parts between its restart markers are missing."""
    data = jpeg.data
    if jpeg.one_scan:
        scan = _scan_at(data, jpeg.first_scan, jpeg.restart_interval)
        found = ANY_BUT_RESTART.search(data, scan.data)
        check_restarts(jpeg, scan, found.start() if found else _without_zeros(data))
        if jpeg.arithmetic:
            return JpegEnd(found.start() if found else len(data), END_MARKER, AFTER_ARITHMETIC)
        if found and data[found.end() - 1] == START_OF_SCAN:
            return JpegEnd(len(data), b"")  # one too many, which the decoder refuses
        return JpegEnd(found.start() if found else _without_zeros(data), FILLER)
    scans, end, marked = _scans_to_end(jpeg)
    cut = not marked and not _all_is_there(jpeg, scans)
    if jpeg.arithmetic:
        return JpegEnd(end, END_MARKER, AFTER_ARITHMETIC, cut)
    if jpeg.lossless:
        return JpegEnd(end, FILLER + END_MARKER, OTHER_FILLER + END_MARKER, cut)
    return JpegEnd(end, FILLER, cut=cut, probed=True)


def _scans_to_end(jpeg: Jpeg) -> tuple[list[Scan], int, bool]:
    """The scans of a JPEG, where the last ends, and if an end marker follows."""
    data, start, interval = jpeg.data, jpeg.first_scan, jpeg.restart_interval
    scans: list[Scan] = []
    end = len(data)
    for _ in range(MAX_SEGMENTS):
        if (found := ANY_BUT_RESTART.search(data, start)) is None:
            break
        at, code = found.start(), data[found.end() - 1]
        if end == len(data) and scans:
            end = at
            check_restarts(jpeg, scans[-1], end)
        if code == START_OF_SCAN:
            scans.append(_scan_at(data, at, interval))
            end = len(data)
        elif code == RESTART_INTERVAL:
            interval = int.from_bytes(data[found.end() + 2 : found.end() + 4])
        if code == END_MARKER[1]:
            return scans, end, True
        start = found.end() if code in WITHOUT_LENGTH else _end_of_header(data, at)
    if end == len(data) and scans:
        end = _without_zeros(data)
        check_restarts(jpeg, scans[-1], end)
    return scans, end, False


def _scan_at(data: bytes, start: int, interval: int) -> Scan:
    return Scan(start, _end_of_header(data, start), interval)


def _without_zeros(data: bytes) -> int:
    """The length without zeros at the end: those of a buffer, or of a download that is not done.

    libjpeg would take them for pixels.
    """
    return len(data.rstrip(b"\0"))


def _end_of_header(data: bytes, scan: int) -> int:
    return scan + 2 + int.from_bytes(data[scan + 2 : scan + SCAN_HEADER])


def _all_is_there(jpeg: Jpeg, scans: Sequence[Scan]) -> bool:
    """Whether scans for all coefficients of all components, to their last bit, have begun."""
    done = dict.fromkeys(jpeg.components, 0)
    for scan in scans:
        header = jpeg.data[scan.start + SCAN_HEADER : scan.data]
        count = int.from_bytes(header[:1])
        first, last, bits = (*header[1 + 2 * count :], 0, 0, 0)[:3]
        if bits & 0x0F:
            continue
        band = (1 << last + 1) - (1 << min(first, COEFFICIENTS))
        for component in header[1 : 1 + 2 * count : 2]:
            if component in done:
                done[component] |= max(band, 0)
    every = (1 << COEFFICIENTS) - 1
    return all(bands & every == every for bands in done.values())
