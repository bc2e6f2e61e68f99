"""One class that was found in a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from edgeseg_client.coco import CompressedRle
from edgeseg_client.errors import NotAsked
from edgeseg_client.polygon import Part, Polygon, read_parts
from edgeseg_client.rle import decode_mask, decompress_counts

_Value = TypeVar("_Value")


class Box(NamedTuple):
    """A box in pixels; the right and bottom edges are `x + width` and `y + height`."""

    x: int
    """The leftmost column."""
    y: int
    """The topmost row."""
    width: int
    """The number of columns."""
    height: int
    """The number of rows."""


class Segment:
    """All pixels of one class that was found.

    What the call did not ask for raises `NotAsked`, which names the output to ask for.
    """

    def __init__(
        self,
        class_id: int,
        class_name: str,
        *,
        area: int | None = None,
        box: Box | None = None,
        mean_confidence: float | None = None,
        rle: Sequence[int] = (),
        rle_compressed: str = "",
        polygons: tuple[Polygon, ...] | None = None,
    ) -> None:
        self.class_id: int = class_id
        """The id of the class, 0 to 254."""
        self.class_name: str = class_name
        """The name of the class; "class N" if it has none."""
        self._area = area
        self._box = box
        self._mean_confidence = mean_confidence
        self._rle = tuple(rle)
        self._rle_compressed = rle_compressed
        self._polygons = polygons

    def __repr__(self) -> str:
        found = "" if self._area is None else f", area={self._area}, box={self._box}"
        return f"Segment({self.class_id}, {self.class_name!r}{found})"

    @property
    def area(self) -> int:
        """The number of its pixels; from the output `statistics`."""
        return _asked("area", self._area, "statistics")

    @property
    def box(self) -> Box:
        """The smallest box around its pixels; from the output `statistics`."""
        return _asked("box", self._box, "statistics")

    @property
    def mean_confidence(self) -> float:
        """The mean score of its pixels, 0.0 to 1.0; from the output `confidence`."""
        return _asked("mean confidence", self._mean_confidence, "confidence")

    @property
    def rle(self) -> tuple[int, ...]:
        """COCO's run lengths, column by column, first of zeros; from the output `rle`."""
        return _asked("run lengths", self._rle or None, "rle")

    @property
    def rle_compressed(self) -> str:
        """COCO's string of run lengths; from the output `rle_compressed`."""
        return _asked("compressed run lengths", self._rle_compressed or None, "rle_compressed")

    @property
    def polygons(self) -> tuple[Polygon, ...]:
        """Its outlines, each before the holes in it; from the output `polygons`."""
        return _asked("polygons", self._polygons, "polygons")

    @property
    def parts(self) -> list[Part]:
        """Its connected parts; from the output `polygons`."""
        return read_parts(self.class_id, self.class_name, self.polygons)

    def mask(self, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """Its pixels as bool of shape (height, width); `shape` is the result's.

        From the output `rle` or `rle_compressed`.
        """
        if self._rle_compressed and not self._rle:
            return decode_mask(decompress_counts(self._rle_compressed), shape)
        return decode_mask(self.rle, shape)

    def coco_rle(self, shape: tuple[int, int]) -> CompressedRle:
        """The mask as pycocotools and COCO's files have it; `shape` is the result's.

        From the output `rle_compressed`.
        """
        return CompressedRle(size=list(shape), counts=self.rle_compressed)


def merged(segments: Sequence[Segment]) -> Segment:
    """One segment of all pixels of classes that have the same name; it has no run lengths."""
    if len(segments) == 1:
        return segments[0]
    areas = _all(one._area for one in segments)  # noqa: SLF001 # here and below: its own class
    boxes = _all(one._box for one in segments)  # noqa: SLF001
    scores = _all(one._mean_confidence for one in segments)  # noqa: SLF001
    polygons = _all(one._polygons for one in segments)  # noqa: SLF001
    return Segment(
        segments[0].class_id,
        segments[0].class_name,
        area=sum(areas) if areas else None,
        box=_around(boxes) if boxes else None,
        mean_confidence=float(np.average(scores, weights=areas)) if scores and areas else None,
        polygons=tuple(chain.from_iterable(polygons)) if polygons else None,
    )


def _all(values: Iterable[_Value | None]) -> list[_Value] | None:
    """The values; None if one of them is None."""
    found = []
    for value in values:
        if value is None:
            return None
        found.append(value)
    return found


def _around(boxes: Sequence[Box]) -> Box:
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right = max(box.x + box.width for box in boxes)
    bottom = max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


def _asked(what: str, value: _Value | None, output: str) -> _Value:
    """`value`; raises `NotAsked` if it is None."""
    if value is None:
        raise not_asked(what, output)
    return value


def not_asked(what: str, output: str, *others: str) -> NotAsked:
    """The error for something that a result has only with one of these outputs."""
    rest = "".join(f", or {other!r}" for other in others)
    return NotAsked(f"the result has no {what}; ask for it with outputs=({output!r}, …){rest}")
