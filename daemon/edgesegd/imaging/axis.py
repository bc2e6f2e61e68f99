"""Positions of pixels between those of a smaller picture, in one direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]
Weights = npt.NDArray[np.float32]
Positions = npt.NDArray[np.floating[Any]]

HALF = np.float32(0.5)


@dataclass(frozen=True, slots=True)
class Axis:
    """The positions of pixels among `count` small ones.

    Pixel i is between the small pixel `lower[i]` and the next one (the last has no next), at the
    fraction `weight[i]` of the distance. `lower` never decreases. `starts[n]` is the first pixel
    after small pixel n; one more entry is the number of pixels.
    """

    count: int
    lower: Indices
    weight: Weights
    starts: Indices


@dataclass(frozen=True, slots=True)
class Resize:
    """TFLite's bilinear resize of `small` pixels to `large` ones, in one direction."""

    small: int
    large: int
    align_corners: bool
    half_pixel_centers: bool

    def axis(self) -> Axis:
        """The positions of the large pixels, with the runtime's own rounding.

        Source: the indirection buffer of XNNPACK's resize_bilinear, in float32 throughout.
        """
        spaces = self.large - 1 if self.align_corners else self.large
        small_spaces = self.small - 1 if self.align_corners else self.small
        scale = np.float32(small_spaces) / np.float32(spaces)
        offset = HALF * scale - HALF if self.half_pixel_centers else np.float32(0)
        pixels = np.arange(self.large, dtype=np.float32)
        return axis_at(pixels * scale + offset, self.small)

    def axis_through(self, positions: Positions) -> Axis:
        """The positions of pixels with centres at `positions`, counted in large pixels from 0."""
        if self.align_corners:
            small = positions * ((self.small - 1) / (self.large - 1))
        elif self.half_pixel_centers:
            small = (positions + 0.5) * (self.small / self.large) - 0.5
        else:
            small = positions * (self.small / self.large)
        return axis_at(small, self.small)


def axis_at(positions: Positions, count: int) -> Axis:
    """Pixels at `positions`, counted in small pixels from 0; those outside are on the border."""
    clamped = positions.clip(0, count - 1).astype(np.float32)
    lower = clamped.astype(np.intp)
    starts = np.searchsorted(lower, np.arange(count + 1))
    return Axis(count, lower, clamped - lower.astype(np.float32), starts)
