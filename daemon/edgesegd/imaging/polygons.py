"""The outlines of the classes of a label map, as clients get them."""

from __future__ import annotations

import numpy as np

from edgesegd.core.options import PolygonOptions
from edgesegd.core.result import Outlines
from edgesegd.imaging.corners import check_count
from edgesegd.imaging.labels import Labels
from edgesegd.imaging.rings import lengths_of, select_rings, trace_rings
from edgesegd.imaging.simplify import simplify

MAX_OUTLINES = 1 << 12
"""How many outlines a result may have: the front takes some microseconds to send each."""


def find_outlines(labels: Labels, options: PolygonOptions) -> dict[int, Outlines]:
    """The outlines of each class but 255, by its id; a class without any is left out.

    Each outer outline is followed by the holes in it. Raises InvalidOptions if there are more than
    are allowed.
    """
    rings = trace_rings(labels)
    holes = rings.areas < 0
    order = np.lexsort((holes, rings.outer, rings.class_ids))
    rings = select_rings(rings, order[np.abs(rings.areas[order]) >= options.min_area])
    count = len(rings.starts)
    check_count("parts and holes", count, MAX_OUTLINES, "give a larger minimum area for polygons")
    if not count:
        return {}
    outline = simplify(rings, options.tolerance)
    points = outline.points.astype(np.complex64)
    lengths = lengths_of(outline.starts, len(points)).astype(np.uint32)
    holes = rings.areas < 0
    found = {}
    firsts = np.flatnonzero(np.diff(rings.class_ids, prepend=-1))
    for first, end in zip(firsts, [*firsts[1:], count], strict=True):
        start = outline.starts[first]
        stop = outline.starts[end] if end < count else len(points)
        found[int(rings.class_ids[first])] = Outlines(
            points=points[start:stop].tobytes(),
            lengths=lengths[first:end].tobytes(),
            holes=holes[first:end].tobytes(),
        )
    return found
