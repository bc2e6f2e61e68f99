"""Turns a picture upright: Exif 2.32, 4.6.5.4.3 (Orientation)."""

from __future__ import annotations

from PIL import Image

from edgesegd.imaging.geometry import Size

SIDEWAYS = range(5, 9)
"""The EXIF orientations that exchange width and height."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that makes a picture of each EXIF orientation upright."""


def turn_upright(image: Image.Image, size: Size, orientation: int) -> tuple[Image.Image, Size]:
    """The picture as it should be seen, and its `size` in the file once it is turned."""
    if orientation not in TURNS:
        return image, size
    width, height = size
    turned = (height, width) if orientation in SIDEWAYS else size
    return image.transpose(TURNS[orientation]), turned
