"""Pillow images and arrays as the daemon sees them: upright, with 8 bits for each channel."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeseg_client.errors import InvalidRequest
from edgeseg_client.frame import PixelArray
from edgeseg_client.orientation import turn_upright

_AS_THEY_ARE: Final = ("L", "RGB", "RGBA")
_FORMATS_OF_16_BITS: Final = ("PNG", "PPM")
"""The files that Pillow opens as 32-bit integers, of which 16 are used."""


def pixels_of_image(image: Image.Image) -> Image.Image:
    """The image upright, of mode L, RGB or RGBA; of 16 bits the upper 8.

    Raises `InvalidRequest` for an image whose values have no known range.
    """
    upright = turn_upright(image)
    if upright.mode.startswith("I;16") or (
        upright.mode == "I" and image.format in _FORMATS_OF_16_BITS
    ):
        values = np.asarray(upright).clip(0, 0xFFFF).astype(np.uint16)
        return Image.fromarray(np.right_shift(values, 8).astype(np.uint8))
    if upright.mode in ("I", "F"):
        raise InvalidRequest(
            f"a Pillow image of mode {upright.mode} has no range that is known; scale it to"
            ' 0 … 255 and .convert("L")'
        )
    if upright.mode in _AS_THEY_ARE:
        return upright
    if "transparency" in upright.info:  # Pillow would warn that it is left out
        upright = upright.copy()
        del upright.info["transparency"]
    return upright.convert("RGB")


def pixels_of_array(array: npt.NDArray[np.generic]) -> PixelArray:
    """The array as uint8 of shape (H, W, 1, 3 or 4); of 16 bits the upper 8.

    Raises `InvalidRequest` if it is not a picture.
    """
    if array.dtype.kind != "u" or array.dtype.itemsize > 2:
        raise InvalidRequest(
            f"the array holds {array.dtype}, not uint8 or uint16; scale it to 0 … 255 and"
            " .astype('uint8')"
        )
    channels = 1 if array.ndim == 2 else array.shape[-1]
    if array.ndim not in {2, 3} or channels not in {1, 3, 4}:
        raise InvalidRequest(
            f"an array of shape {array.shape} is not a picture; give (height, width)"
            " or (height, width, 1, 3 or 4)"
        )
    pixels = array.reshape(*array.shape[:2], channels)
    if pixels.dtype.itemsize == 2:
        pixels = np.right_shift(pixels.astype(np.uint16, copy=False), 8)
    return pixels.astype(np.uint8, copy=False)
