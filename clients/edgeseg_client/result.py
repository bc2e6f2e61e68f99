"""The result of one frame: labels, classes and timing."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeseg_client.class_table import find_classes
from edgeseg_client.coco import class_annotations
from edgeseg_client.errors import NotAsked
from edgeseg_client.geojson import feature_collection
from edgeseg_client.info import ClassInfo
from edgeseg_client.label_statistics import count_labels, find_segments
from edgeseg_client.polygon import Part
from edgeseg_client.segment import Segment, merged, not_asked
from edgeseg_client.timing import Timing

if TYPE_CHECKING:
    from edgeseg_client.overlay import Picture

LabelMap: TypeAlias = npt.NDArray[np.uint8]
"""Class ids of shape (height, width); 255 is "no class"."""

ScoreMap: TypeAlias = npt.NDArray[np.uint8]
"""Scores of shape (height, width), 0 to 255 for 0.0 to 1.0."""

Mask: TypeAlias = npt.NDArray[np.bool_]
"""The pixels of a class, of shape (height, width)."""

_SEGMENT_OUTPUTS: Final = ("statistics", "confidence", "rle", "rle_compressed", "polygons")


@dataclass(frozen=True)
class Result:
    """A segmented frame.

    Classes are given by name or id. What the call did not ask for raises `NotAsked`, which says how
    to ask for it; a name that the model does not have raises `InvalidRequest`.
    """

    frame_id: int
    """The id that the caller gave the frame."""
    captured_unix_ns: int
    """When the frame was captured, by the caller's clock, in nanoseconds since the Unix epoch."""
    width: int
    """The width of all masks and maps, in pixels."""
    height: int
    """Their height, in pixels."""
    frame_size: tuple[int, int]
    """(width, height) of the frame after its EXIF orientation was applied, in pixels."""
    found: tuple[Segment, ...] = field(repr=False)
    """What the daemon sent about each class; `segments` is what to read."""
    labels_png: bytes = field(repr=False)
    """The labels as an indexed PNG; empty without the output `labels_png`."""
    model: str
    """The name of the model."""
    model_version: str
    """The version of the model that made this result."""
    delegate: str
    """The delegate that ran it, such as `cpu`."""
    timing: Timing
    """How long each stage took in the daemon."""
    raw_labels: bytes = field(repr=False)
    """The labels as they were received; empty without the output `labels`."""
    raw_confidence_map: bytes = field(repr=False)
    """The confidence map as it was received; empty without that output."""
    outputs: tuple[str, ...] = ("labels",)
    """The outputs that were asked for."""
    wanted: tuple[int, ...] = ()
    """The ids of the classes that were asked for; empty for all."""
    class_table: tuple[ClassInfo, ...] = field(default=(), repr=False)
    """All classes of the version of the model that made this result, with their colours."""
    covers_frame: bool = True
    """Whether masks are of the whole frame; not with `size="model"` and another `resize` than
    `stretch`, where they are of the model's input: padded, or without what was cut off."""
    reused_from_frame_id: int | None = None
    """The id of the earlier frame that it was computed for, with `reuse`; else None."""

    @property
    def reused(self) -> bool:
        """Whether it was computed for an earlier frame of the stream."""
        return self.reused_from_frame_id is not None

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), the order that numpy uses."""
        return self.height, self.width

    @cached_property
    def labels(self) -> LabelMap:
        """The class id of every pixel, in an array of its own that can be written to.

        From the output `labels` or `labels_png`. What is written is drawn by `overlay`; masks,
        shares and classes stay as the daemon found them.
        """
        return self._received_labels.copy()

    @cached_property
    def confidence_map(self) -> ScoreMap:
        """The score of the label of every pixel, in an array that can be written to.

        From the output `confidence_map`.
        """
        if not self.raw_confidence_map:
            raise not_asked("confidence map", "confidence_map")
        return np.frombuffer(self.raw_confidence_map, np.uint8).reshape(self.shape).copy()

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The classes found, in the order of their ids, with what the call asked for.

        From the output `statistics`, `confidence`, `rle`, `rle_compressed` or `polygons`. Without
        these, areas and boxes are counted in the labels.
        """
        if set(self.outputs) & set(_SEGMENT_OUTPUTS):
            return self.found
        return find_segments(self._received_labels, self.class_name)

    @cached_property
    def classes(self) -> dict[str, Segment]:
        """The classes found, by name; the one with the most pixels first, if that is known.

        They are the `segments`.
        """
        found: dict[str, list[Segment]] = {}
        areas = self._known_areas or {}
        for one in sorted(self.segments, key=lambda one: -areas.get(one.class_id, 0)):
            found.setdefault(one.class_name, []).append(one)
        return {name: merged(segments) for name, segments in found.items()}

    @cached_property
    def shares(self) -> dict[str, float]:
        """The share of all pixels for each class found, by name, the largest first.

        0.0 to 1.0. From the output `labels`, `labels_png`, `statistics`, `rle` or `rle_compressed`.
        """
        shares: dict[str, float] = {}
        for id_, area in self._areas.items():
            name = self.class_name(id_)
            shares[name] = shares.get(name, 0.0) + area / (self.width * self.height)
        return dict(sorted(shares.items(), key=lambda one: -one[1]))

    def share(self, wanted: int | str) -> float:
        """The share of all pixels that a class has, 0.0 to 1.0; 0.0 if it was not found."""
        areas = self._areas
        return sum(areas.get(id_, 0) for id_ in self._ids(wanted)) / (self.width * self.height)

    def mask(self, wanted: int | str) -> Mask:
        """The pixels of a class, as bool of shape (height, width); all False if it was not found.

        From the output `labels`, `labels_png`, `rle` or `rle_compressed`.
        """
        ids = self._ids(wanted)
        if self._has_labels:
            return np.isin(self._received_labels, ids)
        if not set(self.outputs) & {"rle", "rle_compressed"}:
            raise not_asked("masks", "labels", "labels_png", "rle", "rle_compressed")
        mask = np.zeros(self.shape, np.bool_)
        for one in self.found:
            if one.class_id in ids:
                mask |= one.mask(self.shape)
        return mask

    def polygons(self, wanted: int | str | None = None) -> list[Part]:
        """The connected parts of a class, or of all in the order of their ids, as points.

        From the output `polygons`.
        """
        if "polygons" not in self.outputs:
            raise not_asked("polygons", "polygons")
        ids = None if wanted is None else self._ids(wanted)
        found = [one for one in self.found if ids is None or one.class_id in ids]
        return [part for one in found for part in one.parts]

    def geojson(self) -> dict[str, Any]:
        """The polygons as a FeatureCollection of GeoJSON, a feature a class, in pixels."""
        return feature_collection(self.polygons())

    def coco_annotations(self, *, image_id: int = 1, first_id: int = 1) -> list[dict[str, Any]]:
        """The polygons as annotations of COCO's format, one a class."""
        return class_annotations(self.polygons(), image_id=image_id, first_id=first_id)

    def overlay(self, picture: Picture, *, alpha: float = 0.5, legend: bool = True) -> Image.Image:
        """The picture as RGB, upright, with each class tinted and outlined in its colour.

        `alpha` is the opacity of the colours, 0.0 to 1.0. `legend` draws the names of the classes
        and their shares in a corner, or below the picture if they would hide too much of it. From
        the output `labels` or `labels_png`.
        """
        # Imported here: it draws results, and few programs draw.
        from edgeseg_client.overlay import overlay  # noqa: PLC0415

        return overlay(picture, self, self.class_table, alpha=alpha, legend=legend)

    def class_name(self, class_id: int) -> str:
        """The name of a class; "class N" if it has none."""
        return self._names.get(class_id, f"class {class_id}")

    def _repr_png_(self) -> bytes | None:
        """The labels in the colours of the classes, as notebooks show a result."""
        if not self._has_labels:
            return None
        from edgeseg_client.labels_image import labels_image  # noqa: PLC0415  # as for overlays

        file = io.BytesIO()
        labels_image(self, self.class_table).save(file, "PNG")
        return file.getvalue()

    @cached_property
    def _names(self) -> dict[int, str]:
        """The names of the classes, by id."""
        names = {one.class_id: one.class_name for one in self.found}
        return names | {one.id: one.name for one in self.class_table}

    @property
    def _has_labels(self) -> bool:
        return bool(self.raw_labels or self.labels_png)

    @cached_property
    def _received_labels(self) -> LabelMap:
        """The labels, read-only."""
        if self.raw_labels:
            return np.frombuffer(self.raw_labels, np.uint8).reshape(self.shape)
        if self.labels_png:
            return np.asarray(Image.open(io.BytesIO(self.labels_png)), np.uint8)
        raise not_asked("labels", "labels", "labels_png")

    @property
    def _areas(self) -> dict[int, int]:
        """The number of pixels of each class found, by id."""
        if self._known_areas is None:
            raise not_asked("areas of classes", "labels", "statistics")
        return self._known_areas

    @cached_property
    def _known_areas(self) -> dict[int, int] | None:
        if self._has_labels:
            return count_labels(self._received_labels)
        if "statistics" in self.outputs:
            return {one.class_id: one.area for one in self.found}
        if set(self.outputs) & {"rle", "rle_compressed"}:
            return {one.class_id: int(one.mask(self.shape).sum()) for one in self.found}
        return None

    def _ids(self, wanted: int | str) -> list[int]:
        """The ids of a class; raises `NotAsked` if the call left it out."""
        ids = find_classes(wanted, self.class_table)
        if self.wanted and not set(ids) <= set(self.wanted):
            raise NotAsked(f"the call asked for other classes only; add {wanted!r} to classes=[…]")
        return ids
