"""Compares two pictures by blocks: a small object changes one much, noise changes all a little."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgesegd.imaging.preprocess import Pixels

BLOCK = 8
"""Pixels of a side, as in JPEG: an object of 20 pixels in 1280 is 4 of a model's 257."""


def largest_block_difference(one: Pixels, other: Pixels) -> float:
    """The mean absolute difference of the pixel values in the block where it is largest.

    Both are H x W x C, uint8; the mean is over a block's pixels and channels, 0 to 255. Where a
    side is no multiple of BLOCK, the last blocks overlap those before them; where it is shorter, it
    is one block. The mean of the signed differences would be 0 where a pattern has moved.
    """
    difference = np.maximum(one, other) - np.minimum(one, other)
    height, width, channels = difference.shape
    tall, wide = min(BLOCK, height), min(BLOCK, width)
    largest = 0
    for rows in _spans(height, tall):
        part = difference[rows]
        # At most 8 x 255 in a column, and 8 x 8 x 255 x 3 in a block.
        columns = part.reshape(-1, tall, width * channels).sum(axis=1, dtype=np.uint16)
        for across in _spans(width, wide):
            cells = columns.reshape(-1, width, channels)[:, across]
            blocks = cells.reshape(len(cells), -1, wide * channels).sum(axis=2, dtype=np.uint32)
            largest = max(largest, int(blocks.max()))
    return largest / float(tall * wide * channels)


def _spans(length: int, block: int) -> Iterator[slice]:
    """The part of a side that is whole blocks, and the last block where something is left."""
    whole = length // block * block
    yield slice(0, whole)
    if whole < length:
        yield slice(length - block, length)
