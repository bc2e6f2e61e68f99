"""The rows of a raw frame as arrays and pictures, without a copy where that is possible."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

from edgesegd.core.raw_frame import Rows

RowBytes = npt.NDArray[np.uint8]
"""Rows x bytes of a row."""

UNPACKS_ANY_BUFFER = tuple(map(int, PIL.__version__.split(".")[:2])) >= (9, 5)


def rows_array(rows: Rows, data: memoryview) -> RowBytes:
    """A view of the rows."""
    return np.ndarray((rows.count, rows.length), np.uint8, data, rows.offset, (rows.stride, 1))


def every_step(rows: Rows, step: int) -> Rows:
    """Every `step`th of the rows, from the middle of the first `step` on."""
    first = rows.offset + (step - 1) // 2 * rows.stride
    return Rows(first, rows.stride * step, rows.count // step, rows.length)


def rows_image(mode: str, raw_mode: str, width: int, rows: Rows, data: memoryview) -> Image.Image:
    """The rows as a picture of Pillow's `mode`, whose name for such bytes is `raw_mode`.

    The modes RGBX and L refer to `data`, if Pillow supports it and the last row is padded too.
    """
    size = (width, rows.count)
    part = data[rows.offset :]
    # Pillow accepts any buffer, since 9.5; its types do not say so.
    buffer = cast(bytes, part) if UNPACKS_ANY_BUFFER else bytes(part)
    unpack = Image.frombuffer if len(part) >= rows.stride * rows.count else Image.frombytes
    return unpack(mode, size, buffer, "raw", raw_mode, rows.stride, 1)


def array_image(plane: RowBytes) -> Image.Image:
    """An array as a picture of mode L; it is copied where its bytes are not side by side."""
    return Image.fromarray(plane if plane.flags.c_contiguous else np.ascontiguousarray(plane))
