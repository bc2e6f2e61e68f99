"""Whether a PNG has all its rows, as they were written: PNG (third edition), 7.2, 8.1 and 10.1.

Pillow leaves pixels black whose rows are not in the compressed data, and reads no checksum of them.
It says nothing of either.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from PIL import Image

from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.imaging.png_chunks import CHECKSUM, HEAD, PIXELS, SIGNATURE_SIZE, Png, chunks_of

HEADER = slice(SIGNATURE_SIZE + HEAD, SIGNATURE_SIZE + HEAD + 13)
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""How many samples a pixel has, by the PNG's colour type."""
ONE_PASS = ((0, 1, 0, 1),)
ADAM7 = (
    (0, 8, 0, 8),
    (4, 8, 0, 8),
    (0, 4, 4, 8),
    (2, 4, 0, 4),
    (0, 2, 2, 4),
    (1, 2, 0, 2),
    (0, 1, 1, 2),
)
"""The pixels of each pass of an interlaced PNG: the first column and the step to the next one, then
the first row and the step."""
ZLIB_HEADER = 2
WITHOUT_HEADER = -zlib.MAX_WBITS
"""Lets zlib read the data without their header. So their checksum is not checked, and Pillow does
not check it either."""
WRONG_SUM = "its pixels are not those that were written"
BLOCK = 1 << 18
"""How many bytes are decompressed at a time."""


def check_rows(png: Png, image: Image.Image, check_time: Callable[[], None]) -> None:
    """Raise InvalidFrame if rows are missing or wrong in `png`, which was decoded to `image`.

    If the checksums of a PNG's chunks are right and its last row is not black, the rows before it
    are there too, unless they are interlaced; otherwise the data are decompressed once more.
    Without right checksums the one of the compressed data counts, or that these end at the last
    row, for it may be missing with the end of the file.
    """
    wanted = _bytes_of_rows(png.data[HEADER])
    if png.checked:
        if _may_lack_rows(png, image) and _decompressed(png.data, wanted, check_time)[0] < wanted:
            raise InvalidFrame(
                "the PNG is damaged: its last rows are missing", InvalidReason.DAMAGED
            )
        return
    try:
        found, ended = _decompressed(png.data, None, check_time)
    except zlib.error as error:
        raise InvalidFrame(
            f"the PNG is damaged: {WRONG_SUM} ({error})", InvalidReason.DAMAGED
        ) from None
    if found < wanted:
        raise InvalidFrame("the PNG is damaged: its last rows are missing", InvalidReason.DAMAGED)
    if found > wanted and not ended:
        raise InvalidFrame(f"the PNG is damaged: {WRONG_SUM}", InvalidReason.DAMAGED)


def _may_lack_rows(png: Png, image: Image.Image) -> bool:
    interlaced = png.data[HEADER][12] != 0
    last = image.crop((0, image.height - 1, image.width, image.height))
    return interlaced or last.getbbox() is None


def _bytes_of_rows(header: bytes) -> int:
    """How many bytes the rows of all pixels have, each with the byte of its filter."""
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    bits = header[8] * CHANNELS[header[9]]
    total = 0
    for left, across, top, down in ADAM7 if header[12] else ONE_PASS:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _decompressed(
    data: bytes, enough: int | None, check_time: Callable[[], None]
) -> tuple[int, bool]:
    """How many bytes the rows in `data` have, and whether their end was reached.

    If some are `enough`, counting stops there, and the checksum of the rows is not looked at, as
    Pillow does not. Otherwise zlib.error is raised if it is wrong.
    """
    inflate = zlib.decompressobj(zlib.MAX_WBITS if enough is None else WITHOUT_HEADER)
    found = 0
    for stored in _compressed(data, 0 if enough is None else ZLIB_HEADER):
        part: bytes | memoryview = stored
        while len(part) and not inflate.eof and (enough is None or found < enough):
            check_time()
            found += len(inflate.decompress(part, BLOCK))
            part = inflate.unconsumed_tail
    return found, inflate.eof


def _compressed(data: bytes, skipped: int) -> Iterator[memoryview]:
    """The compressed data in the chunks of `data`, also in one that is cut, without the first."""
    view = memoryview(data)
    behind = SIGNATURE_SIZE
    for kind, start, end in chunks_of(view):
        behind = end
        if kind != PIXELS:
            continue
        part = view[start + HEAD + skipped : end - CHECKSUM]
        skipped = max(0, skipped - (end - CHECKSUM - start - HEAD))
        yield part
    if view[behind + 4 : behind + HEAD] == PIXELS:
        size = int.from_bytes(view[behind : behind + 4])
        yield view[behind + HEAD : behind + HEAD + size][skipped:]
