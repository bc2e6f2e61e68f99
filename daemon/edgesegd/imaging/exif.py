"""Reads the orientation from EXIF: Exif 2.32, 4.6; TIFF 6.0, section 2.

Nothing else is read. A library that reads all entries copies the value of each: 300 entries that
refer to the same 10 MB need 3 GB.
"""

from __future__ import annotations

import struct
from typing import Literal

UPRIGHT = 1
ORIENTATIONS = range(1, 9)
ORIENTATION_TAG = 0x0112
PREFIX = b"Exif\0\0"
HEADER_SIZE = 8
ENTRY_SIZE = 12
MAX_ENTRIES = 1000
"""How many entries of the first directory are read; cameras write about twenty."""

ByteOrder = Literal["little", "big"]
BYTE_ORDERS: dict[bytes, ByteOrder] = {b"II": "little", b"MM": "big"}
MAGIC = (b"*\0", b"\0*")
"""42 in both byte orders, because some writers use the wrong one."""
VALUE_SIZES = {3: 2, 4: 4}
"""Bytes of a SHORT and a LONG. The standard requires a SHORT; some writers use a LONG."""


def read_orientation(exif: bytes | memoryview) -> int:
    """The orientation, 1 to 8; UPRIGHT if `exif` has none, or cannot be read."""
    facts = memoryview(exif)
    if facts[: len(PREFIX)] == PREFIX:
        facts = facts[len(PREFIX) :]
    order = BYTE_ORDERS.get(bytes(facts[:2]))
    if order is None or bytes(facts[2:4]) not in MAGIC:
        return UPRIGHT
    directory = facts[int.from_bytes(facts[4:HEADER_SIZE], order) :]
    entries = directory[2 : 2 + ENTRY_SIZE * min(_count(directory, order), MAX_ENTRIES)]
    pattern = ("<" if order == "little" else ">") + "HHI4s"
    whole = len(entries) // ENTRY_SIZE * ENTRY_SIZE
    for tag, kind, count, value in struct.iter_unpack(pattern, entries[:whole]):
        if tag == ORIENTATION_TAG and kind in VALUE_SIZES and count == 1:
            orientation = int.from_bytes(value[: VALUE_SIZES[kind]], order)
            return orientation if orientation in ORIENTATIONS else UPRIGHT
    return UPRIGHT


def read_raw_profile(text: str) -> bytes:
    """The EXIF bytes in ImageMagick's text `Raw profile type exif`; empty if it has none.

    The text is an empty line, the profile's name, its length, then hexadecimal digits.
    """
    try:
        return bytes.fromhex(text.split("\n", 3)[3])
    except (IndexError, ValueError):
        return b""


def _count(directory: memoryview, order: ByteOrder) -> int:
    return int.from_bytes(directory[:2], order)
