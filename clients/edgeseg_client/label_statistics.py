"""Areas and boxes of classes, counted in a map of labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgeseg_client.class_table import NO_CLASS
from edgeseg_client.segment import Box, Segment


def count_labels(labels: npt.NDArray[np.uint8]) -> dict[int, int]:
    """The number of pixels of each class found, by id; without `NO_CLASS`."""
    counts = np.bincount(labels.ravel(), minlength=NO_CLASS + 1)[:NO_CLASS]
    return {id_: int(counts[id_]) for id_ in np.flatnonzero(counts).tolist()}


def find_segments(
    labels: npt.NDArray[np.uint8], name_of: Callable[[int], str]
) -> tuple[Segment, ...]:
    """The classes in `labels`, (height, width), in the order of ids, with areas and boxes."""
    return tuple(
        Segment(id_, name_of(id_), area=area, box=_box(labels == id_))
        for id_, area in count_labels(labels).items()
    )


def _box(mask: npt.NDArray[np.bool_]) -> Box:
    """The smallest box around the pixels of a mask that has some."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    left, top = int(columns[0]), int(rows[0])
    return Box(left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1)
