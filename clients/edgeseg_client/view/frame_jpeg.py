"""A frame as a JPEG that browsers show."""

from __future__ import annotations

import io
import os
from typing import Final

from PIL import Image

from edgeseg_client.overlay import Picture, open_picture
from edgeseg_client.picture_file import read_file

MAX_SIDE: Final = 1920
"""Pixels: pictures that have to be encoded are at most as wide and as high."""
QUALITY: Final = 85
_JPEG: Final = b"\xff\xd8\xff"


def to_jpeg(image: Picture) -> bytes:
    """The picture as a JPEG: that of a camera or a file as it is, others encoded and upright.

    Raises `InvalidRequest` if it cannot be read.
    """
    if isinstance(image, str | os.PathLike):
        image = read_file(image)
    if is_jpeg(image):
        return bytes(image)  # type: ignore[arg-type] # these are bytes
    return encode_jpeg(open_picture(image))


def is_jpeg(image: object) -> bool:
    """Whether these are the bytes of a JPEG."""
    return isinstance(image, bytes | bytearray | memoryview) and bytes(image[:3]) == _JPEG


def encode_jpeg(picture: Image.Image) -> bytes:
    """An RGB picture as a JPEG, at most `MAX_SIDE` pixels wide and high; shrinks it in place."""
    picture.thumbnail((MAX_SIDE, MAX_SIDE), reducing_gap=2.0)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
