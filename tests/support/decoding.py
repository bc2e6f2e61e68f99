"""Decodes pictures as an engine does."""

from __future__ import annotations

import numpy as np

from edgesegd.core.frame import FrameFormat
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.picture_file import decode_file
from support.pictures import Pixels

LARGE = (4096, 4096)
"""Input of a model for which no picture of the tests is read at a smaller scale."""


def decode_whole(kind: FrameFormat, data: bytes) -> Pixels:
    """All pixels of a picture, at its own size."""
    picture, _ = decode_file(
        kind,
        memoryview(data),
        model_input=LARGE,
        resize=ResizePolicy.STRETCH,
        max_pixels=10_000_000,
        max_seconds=60,
    )
    return np.asarray(picture)
