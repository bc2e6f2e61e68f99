"""The EXIF orientation of Pillow images, read once and never written: Exif 2.32, 4.6.

It is read here as the daemon reads it from a file: Pillow writes EXIF anew to take it out, and
fails with facts that cannot be written. The two have no module in common; a test compares them.
"""

from __future__ import annotations

import struct
from typing import Final

from PIL import Image

_UPRIGHT: Final = 1
_ORIENTATION_TAG: Final = 0x0112
_PREFIX: Final = b"Exif\0\0"
_MAX_ENTRIES: Final = 1000
_BYTE_ORDERS: Final = {b"II": "<", b"MM": ">"}
_MAGIC: Final = (b"*\0", b"\0*")
_VALUES: Final = {3: "H2x", 4: "I"}
"""The field types SHORT and LONG; cameras write the first, some programs the second."""
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def turn_upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF says that it should be seen; the image itself if it is upright."""
    image.load()  # an orientation may follow the pixels; Pillow turns a TIFF when it is loaded
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def read_orientation(exif: bytes) -> int:
    """The orientation, 1 to 8; 1 if `exif` has none, or cannot be read."""
    facts = exif.removeprefix(_PREFIX)
    order = _BYTE_ORDERS.get(facts[:2])
    if order is None or facts[2:4] not in _MAGIC or len(facts) < 8:
        return _UPRIGHT
    directory = facts[struct.unpack_from(order + "I", facts, 4)[0] :]
    count = struct.unpack(order + "H", directory[:2].ljust(2, b"\0"))[0]
    entries = directory[2 : 2 + 12 * min(count, _MAX_ENTRIES)]
    for at in range(0, len(entries) // 12 * 12, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", entries, at)
        if tag == _ORIENTATION_TAG and kind in _VALUES and values == 1:
            (value,) = struct.unpack_from(order + _VALUES[kind], entries, at + 8)
            return value if value in range(1, 9) else _UPRIGHT
    return _UPRIGHT


def orientation_of_caller(image: Image.Image) -> int | None:
    """The orientation that was set with `getexif()`; None if it is still what the file says.

    It counts more than `image.info`, as for Pillow itself.
    """
    untouched = Image.new("L", (1, 1))
    untouched.info = image.info
    try:
        own, of_file = (each.getexif().get(_ORIENTATION_TAG) for each in (image, untouched))
    except Exception:  # noqa: BLE001  # EXIF that Pillow cannot read has not been changed with it
        return None
    if own == of_file:
        return None
    return own if own in _TURNS else _UPRIGHT


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":
        return _UPRIGHT  # turned already
    if (own := orientation_of_caller(image)) is not None:
        return own
    exif, profile = image.info.get("exif"), image.info.get("Raw profile type exif")
    if isinstance(exif, bytes):
        return read_orientation(exif)
    if isinstance(profile, str):
        return read_orientation(_from_raw_profile(profile))
    return _UPRIGHT  # XMP is not EXIF, though some versions of Pillow look there


def _from_raw_profile(text: str) -> bytes:
    """The EXIF bytes in ImageMagick's text: an empty line, a name, a length, hexadecimal digits."""
    try:
        return bytes.fromhex(text.split("\n", 3)[3])
    except (IndexError, ValueError):
        return b""
