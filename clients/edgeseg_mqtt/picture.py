"""Draws the picture of a camera with its classes over it, for the `image` entity."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from edgeseg_client.result import Result
from edgeseg_client.sources import SourceFrame

_QUALITY: Final = 80


def draw_picture(frame: SourceFrame, result: Result, max_width: int) -> bytes:
    """The overlay of the frame as JPEG, at most `max_width` pixels wide.

    Raises `InvalidRequest` if the picture cannot be read or drawn on.
    """
    opened = frame.picture()
    if opened.width > max_width:
        height = max(1, round(opened.height * max_width / opened.width))
        opened = opened.resize((max_width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    file = io.BytesIO()
    result.overlay(opened).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
