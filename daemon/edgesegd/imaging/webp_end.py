"""Finds what a WebP's picture would be if zeros at its end were other bytes: RFC 9649, 2 and 6.

A download that is not done may have zeros in place of its end. libwebp takes them for pixels, and a
WebP has no checksum. Pictures that are whole may have thousands of zeros there too, where they are
of one colour; but those are pixels, and up to the last few bytes none of them can be left out.
"""

from __future__ import annotations

HEADER = 12
HEAD = 8
"""Bytes of a chunk before its data: these are its kind and its length."""
FRAME_HEAD = HEAD + 16
"""Bytes of an animation's frame before the chunks in it."""
FRAME = b"ANMF"
PIXELS = (b"VP8 ", b"VP8L")
MAX_CHUNKS = 100
"""How many chunks are read until the pixels are found; at most four of known kinds are before
them."""
UNUSED = 64
"""How many bytes at the end are exchanged. Of 560 whole pictures none had more than 8 there that no
pixel depends on."""
OTHER_END = bytes(range(1, 255, 3))[:UNUSED]


def with_other_end(data: memoryview) -> bytes | None:
    """A WebP with other bytes at the end of its (first) picture's data.

    If it shows the same as before, that end was not written. None if it does not end in zeros.
    """
    start, end = _pixels(data)
    at = end - UNUSED
    if at < start or any(data[at:end]):
        return None
    return b"".join((data[:at], OTHER_END, data[end:]))


def _pixels(data: memoryview) -> tuple[int, int]:
    """Where the data of the first picture start and end; twice 0 if it is not found."""
    at = HEADER
    for _ in range(MAX_CHUNKS):
        kind = bytes(data[at : at + 4])
        size = int.from_bytes(data[at + 4 : at + HEAD], "little")
        if kind in PIXELS:
            return at + HEAD, min(at + HEAD + size, len(data))
        at += FRAME_HEAD if kind == FRAME else HEAD + size + size % 2
    return 0, 0
