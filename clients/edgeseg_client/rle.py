"""COCO's uncompressed run-length encoding of masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def decode_mask(counts: Sequence[int], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Decodes run lengths to a mask of shape `shape`, (height, width).

    As in COCO's data format, runs go column by column, and the first is a run of zeros. Raises
    `ValueError` if they do not fill the shape exactly.
    """
    height, width = shape
    lengths = np.asarray(counts, dtype=np.int64)
    if lengths.sum() != height * width:
        raise ValueError(f"runs of {lengths.sum()} pixels do not fill {width}x{height}")
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(width, height).T
