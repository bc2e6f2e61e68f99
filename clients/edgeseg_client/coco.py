"""Results in COCO's format for object detection, which pycocotools reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, TypedDict

import numpy as np

from edgeseg_client.info import ClassInfo
from edgeseg_client.polygon import Part, PointArray


class CompressedRle(TypedDict):
    """A mask as COCO's files hold it."""

    size: list[int]
    """[height, width], in pixels."""
    counts: str
    """COCO's string of run lengths."""


def class_annotations(
    parts: Iterable[Part], *, image_id: int = 1, first_id: int = 1
) -> list[dict[str, Any]]:
    """One annotation for each class, ready for `json.dumps`; ids count from `first_id`.

    `parts` are grouped by class. COCO's lists of polygons have no holes: a line to and fro joins
    each hole to its outline, and pycocotools draws the mask without the hole.
    """
    found: list[dict[str, Any]] = []
    for class_id, group in groupby(parts, key=lambda part: part.class_id):
        own = list(group)
        corners = np.concatenate([part.outline for part in own])
        left, top = corners.min(axis=0).tolist()
        right, bottom = corners.max(axis=0).tolist()
        found.append(
            {
                "id": first_id + len(found),
                "image_id": image_id,
                "category_id": class_id,
                "segmentation": [
                    join_holes(part.outline, part.holes).ravel().tolist() for part in own
                ],
                "area": sum(part.area for part in own),
                "bbox": [left, top, right - left, bottom - top],
                "iscrowd": 0,
            }
        )
    return found


def join_holes(outline: PointArray, holes: Sequence[PointArray]) -> PointArray:
    """One outline in place of an outline and the holes in it."""
    for hole in holes:
        nearest = int(((outline - hole[0]) ** 2).sum(axis=1).argmin())
        outline = np.concatenate([outline[: nearest + 1], hole, hole[:1], outline[nearest:]])
    return outline


def categories(classes: Iterable[ClassInfo]) -> list[dict[str, Any]]:
    """The categories of a model."""
    return [{"id": one.id, "name": one.name} for one in classes]
