"""COCO's run-length encoding of masks, as numbers and as a string."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Runs = npt.NDArray[np.uint32]
"""Lengths of runs in pixels."""

BITS, MORE, SIGN, FIRST = 5, 1 << 5, 1 << 4, ord("0")
"""A character holds 5 bits of a number; whether there are more; the highest bit is the sign."""


def encode_rle(member: Bools) -> Runs:
    """Runs down the columns, the first of zeros (its length may be 0).

    Source: the layout that `pycocotools.mask.frPyObjects` reads.
    """
    flat = member.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate(([0] if not flat[0] else [0, 0], changes, [flat.size]))
    return np.diff(starts).astype(np.uint32)


def compress_rle(runs: Runs) -> bytes:
    """The string of run lengths that COCO's files hold.

    From the fourth on a run is stored as its difference to the one before the last. Numbers are in
    characters of 5 bits from "0" on, the lowest bits first, like signed LEB128. Source:
    `rleToString` of github.com/cocodataset/cocoapi, common/maskApi.c.
    """
    left = runs.astype(np.int64)
    left[3:] -= left[1:-2].copy()
    columns, written = [], []
    open_ = np.ones(len(left), np.bool_)
    while open_.any():
        written.append(open_)
        bits = left & (MORE - 1)
        left >>= BITS
        open_ = open_ & (left != -((bits & SIGN) >> (BITS - 1)))
        columns.append((bits + open_ * MORE + FIRST).astype(np.uint8))
    return np.stack(columns, axis=1)[np.stack(written, axis=1)].tobytes()
