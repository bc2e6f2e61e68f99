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


def decompress_counts(text: str) -> list[int]:
    """The run lengths in COCO's compressed string: the inverse of `rleToString`.

    Source: `rleFrString` in pycocotools' `maskApi.c`: 5 bits a character from 48 on, the low ones
    first, the sixth bit for "more follows", the sign in the last; from the fourth run on the
    difference to the run before the last. Raises `ValueError` if the string ends in a number.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("the run lengths are cut off")
    return counts
