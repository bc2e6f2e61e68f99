"""The result of one frame: labels, segments, and where the time went."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeseg_client.errors import NotAsked
from edgeseg_client.rle import decode_mask

LabelMap: TypeAlias = npt.NDArray[np.uint8]
"""Class ids of shape (height, width); 255 is "no class". Read-only."""

ScoreMap: TypeAlias = npt.NDArray[np.uint8]
"""Scores of shape (height, width), 0 to 255 for 0.0 to 1.0. Read-only."""

NO_CLASS = 255


class Box(NamedTuple):
    """A box in pixels; the right and bottom edges are `x + width` and `y + height`."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Polygon:
    """One outline: its corners as (x, y) in pixels, and whether it is that of a hole."""

    points: tuple[tuple[float, float], ...]
    hole: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """All pixels of one class.

    `area` (pixels) and `box` are None unless `statistics` were asked for, `mean_confidence` (0.0 to
    1.0) unless `confidence` was; `rle` and `polygons` are empty unless asked for.
    """

    class_id: int
    class_name: str
    area: int | None
    box: Box | None
    mean_confidence: float | None
    rle: tuple[int, ...]
    polygons: tuple[Polygon, ...]

    def mask(self, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """The pixels of the class as bool of shape (height, width), that of the result.

        Raises `NotAsked` without the output `rle`.
        """
        if not self.rle:
            raise NotAsked("the result has no run lengths; ask with outputs=('rle', …)")
        return decode_mask(self.rle, shape)


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time of one frame went in the daemon, in seconds.

    Stages that were not reached are 0. The two moments are in nanoseconds since the Unix epoch by
    the daemon's clock.
    """

    queued: float
    decode: float
    preprocess: float
    invoke: float
    labels: float
    encode: float
    received_unix_ns: int
    sent_unix_ns: int

    @property
    def total(self) -> float:
        """Seconds from the frame's last byte in to the answer out."""
        return (self.sent_unix_ns - self.received_unix_ns) / 1e9


@dataclass(frozen=True)
class Result:
    """A segmented frame.

    `width` and `height` are those of every mask and map here, `frame_size` is (width, height) of
    the frame after EXIF orientation; all in pixels. `labels_png` is empty unless asked for.
    """

    frame_id: int
    captured_unix_ns: int
    width: int
    height: int
    frame_size: tuple[int, int]
    segments: tuple[Segment, ...]
    labels_png: bytes = field(repr=False)
    model: str
    model_version: str
    delegate: str
    timing: Timing
    raw_labels: bytes = field(repr=False)
    raw_confidence_map: bytes = field(repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), as numpy has it."""
        return self.height, self.width

    @cached_property
    def labels(self) -> LabelMap:
        """The class of every pixel: a view of the bytes received, or the decoded `labels_png`.

        Raises `NotAsked` where neither was asked for.
        """
        if self.raw_labels:
            return np.frombuffer(self.raw_labels, np.uint8).reshape(self.shape)
        if self.labels_png:
            labels = np.array(Image.open(io.BytesIO(self.labels_png)), np.uint8)
            labels.flags.writeable = False
            return labels
        raise NotAsked("the result has no labels; ask with outputs=('labels', …)")

    @property
    def confidence_map(self) -> ScoreMap:
        """The score of every pixel's label.

        Raises `NotAsked` without the output `confidence_map`.
        """
        if not self.raw_confidence_map:
            raise NotAsked("the result has no confidence map; ask with outputs=('confidence_map',)")
        return np.frombuffer(self.raw_confidence_map, np.uint8).reshape(self.shape)

    @cached_property
    def shares(self) -> dict[int, float]:
        """The classes found and their shares of all pixels, the largest first; without 255.

        Needs the labels; raises `NotAsked` without.
        """
        counts = np.bincount(self.labels.ravel(), minlength=NO_CLASS + 1)[:NO_CLASS]
        found = sorted(np.flatnonzero(counts).tolist(), key=lambda one: -counts[one])
        return {one: float(counts[one] / self.labels.size) for one in found}
