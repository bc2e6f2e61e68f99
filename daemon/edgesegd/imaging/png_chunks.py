"""Removes chunks from a PNG that its decoder does not need: PNG (third edition), 5 and 11.

Texts, profiles and the like may be larger than the picture, and Pillow refuses a file for one that
is too long.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.imaging.exif import UPRIGHT, read_orientation, read_raw_profile

SIGNATURE_SIZE = 8
HEAD, CHECKSUM = 8, 4
"""Bytes of a chunk before its data, which are its length and its kind, and behind its data."""
PIXELS, END = b"IDAT", b"IEND"
MAX_CHUNKS = 100_000
ANCILLARY = 0x20
"""The bit that makes the first letter of a kind a small letter: a decoder may leave out such a
chunk."""
PROFILE = b"Raw profile type exif\0"
MAX_PROFILE = 1 << 20
"""How many bytes a text may have in which an orientation is looked for."""


@dataclass(frozen=True, slots=True)
class Png:
    """A PNG for the decoder: `data` is the file without the chunks that are not needed.

    `checked` is whether all its pixels' chunks are there, in one piece, with right checksums.
    """

    data: bytes
    orientation: int
    checked: bool


def chunks_of(data: memoryview) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each whole chunk, where it starts and where it ends."""
    start = SIGNATURE_SIZE
    for _ in range(MAX_CHUNKS):
        head = bytes(data[start : start + HEAD])
        end = start + HEAD + int.from_bytes(head[:4]) + CHECKSUM
        if len(head) < HEAD or end > len(data) or not head[4:].isalpha():
            return
        yield head[4:], start, end
        start = end
    raise InvalidFrame(f"the PNG has more than {MAX_CHUNKS:,} chunks", InvalidReason.TOO_COSTLY)


def read_png(data: memoryview) -> Png:
    """Copy a PNG, once, without its ancillary chunks; only the orientation is read of them.

    Zeros at its end are left out: they are those of a buffer, or of a download that is not done.
    Other errors in the file are left to the decoder. Raises InvalidFrame if there are too many
    chunks.
    """
    if data and data[-1] == 0:
        data = data[: len(bytes(data).rstrip(b"\0"))]
    kept: list[memoryview] = []
    kept_from = 0
    exif = profile = previous = b""
    seen, right = set(), True
    for kind, start, end in chunks_of(data):
        if kind == PIXELS:
            in_one_piece = PIXELS not in seen or previous == PIXELS
            right = right and in_one_piece and _has_right_sum(data[start:end])
        seen.add(kind)
        previous = kind
        if not kind[0] & ANCILLARY:
            continue
        body = data[start + HEAD : end - CHECKSUM]
        if kind == b"eXIf" and not exif:
            exif = bytes(body)
        elif kind in (b"tEXt", b"zTXt", b"iTXt") and body[: len(PROFILE)] == PROFILE:
            profile = profile or _profile(kind, body[len(PROFILE) :])
        kept.append(data[kept_from:start])
        kept_from = end
    kept.append(data[kept_from:])
    facts = exif or profile
    orientation = read_orientation(facts) if facts else UPRIGHT
    return Png(b"".join(kept), orientation, checked=right and END in seen)


def _has_right_sum(chunk: memoryview) -> bool:
    """Whether a chunk's checksum is that of its kind and its data: PNG (third edition), 5.5."""
    return zlib.crc32(chunk[HEAD - 4 : -CHECKSUM]) == int.from_bytes(chunk[-CHECKSUM:])


def _profile(kind: bytes, text: memoryview) -> bytes:
    """The EXIF bytes of ImageMagick's text; empty if it has none, or is too long to be one."""
    packed = kind != b"tEXt"
    if kind == b"iTXt":  # is it compressed, how, its language, and its name in that language
        packed = bytes(text[:1]) == b"\1"
        rest = bytes(text[2:MAX_PROFILE]).split(b"\0", 2)
        text = memoryview(rest[-1])
    elif packed:
        text = text[1:]
    try:
        plain = zlib.decompressobj().decompress(text, MAX_PROFILE) if packed else bytes(text)
    except zlib.error:
        return b""
    return read_raw_profile(plain[:MAX_PROFILE].decode("latin-1"))
