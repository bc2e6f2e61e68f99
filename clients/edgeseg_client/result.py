"""The result of one frame: labels, segments and timing."""

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
    """One outline: its corners as (x, y) in pixels, and whether it encloses a hole."""

    points: tuple[tuple[float, float], ...]
    hole: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """All pixels of one class.

    `area` (in pixels) and `box` are None without the output `statistics`. `mean_confidence` (0.0 to
    1.0) is None without the output `confidence`. `rle` and `polygons` are empty without those
    outputs.
    """

    class_id: int
    class_name: str
    area: int | None
    box: Box | None
    mean_confidence: float | None
    rle: tuple[int, ...]
    polygons: tuple[Polygon, ...]

    def mask(self, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """The pixels of the class as bool of shape (height, width); `shape` is the result's.

        Raises `NotAsked` without the output `rle`.
        """
        if not self.rle:
            raise NotAsked("the result has no run lengths; ask for them with outputs=('rle', …)")
        return decode_mask(self.rle, shape)


@dataclass(frozen=True, slots=True)
class Timing:
    """The duration of each stage of one frame in the daemon, in seconds.

    Stages that were not reached are 0. `received_unix_ns` and `sent_unix_ns` are by the daemon's
    clock, in nanoseconds since the Unix epoch.
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
        """Seconds from when the daemon had the whole frame to when it sent the response."""
        return (self.sent_unix_ns - self.received_unix_ns) / 1e9


@dataclass(frozen=True)
class Result:
    """A segmented frame.

    `width` and `height` are the size of all masks and maps. `frame_size` is (width, height) of the
    frame after its EXIF orientation was applied. All are in pixels. `labels_png` is empty without
    that output.
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
        """(height, width), the order that numpy uses."""
        return self.height, self.width

    @cached_property
    def labels(self) -> LabelMap:
        """The class id of every pixel: a view of the received bytes, or the decoded `labels_png`.

        Raises `NotAsked` without the outputs `labels` and `labels_png`.
        """
        if self.raw_labels:
            return np.frombuffer(self.raw_labels, np.uint8).reshape(self.shape)
        if self.labels_png:
            labels = np.array(Image.open(io.BytesIO(self.labels_png)), np.uint8)
            labels.flags.writeable = False
            return labels
        raise NotAsked("the result has no labels; ask for them with outputs=('labels', …)")

    @property
    def confidence_map(self) -> ScoreMap:
        """The score of the label of every pixel.

        Raises `NotAsked` without the output `confidence_map`.
        """
        if not self.raw_confidence_map:
            raise NotAsked(
                "the result has no confidence map; ask for it with outputs=('confidence_map',)"
            )
        return np.frombuffer(self.raw_confidence_map, np.uint8).reshape(self.shape)

    @cached_property
    def shares(self) -> dict[int, float]:
        """The share of all pixels for each class id found, the largest first; without 255.

        Raises `NotAsked` if the result has no labels.
        """
        counts = np.bincount(self.labels.ravel(), minlength=NO_CLASS + 1)[:NO_CLASS]
        found = sorted(np.flatnonzero(counts).tolist(), key=lambda one: -counts[one])
        return {one: float(counts[one] / self.labels.size) for one in found}
