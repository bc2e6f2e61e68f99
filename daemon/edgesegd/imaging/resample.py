"""Positions, in the model's output, of the pixels that a client requests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edgesegd.core.options import ResultOptions, SizeMode
from edgesegd.imaging.axis import Indices, Positions
from edgesegd.imaging.geometry import Box, Fit, Size


@dataclass(frozen=True, slots=True)
class SampleGrid:
    """The requested pixels in one direction, among `count` of the model's output.

    `positions` are their centres, in output pixels from the edge of the first one. `seen` is
    whether the frame was in the model's input there. `own` is whether they are exactly the output's
    own pixels.
    """

    count: int
    positions: Positions
    seen: npt.NDArray[np.bool_]
    own: bool

    @property
    def centres(self) -> Positions:
        """The positions, counted from the centre of the first output pixel."""
        return self.positions - 0.5

    @property
    def nearest(self) -> Indices:
        """The output pixel in which each centre is."""
        return np.floor(self.positions).astype(np.intp).clip(0, self.count - 1)


def make_sample_grids(
    placed: Fit, output: Size, options: ResultOptions
) -> tuple[SampleGrid, SampleGrid]:
    """Columns and rows of the mask that `options` request, for a frame that was `placed`."""
    match options.size:
        case SizeMode.MODEL:
            return _own_pixels(placed.target, placed.input, output)
        case SizeMode.FRAME:
            wanted = placed.frame
        case SizeMode.CUSTOM:
            wanted = (options.width, options.height)
    return _through_frame(placed, output, wanted, 0), _through_frame(placed, output, wanted, 1)


@lru_cache(maxsize=8)  # the same for all frames of a camera
def _own_pixels(target: Box, model_input: Size, output: Size) -> tuple[SampleGrid, SampleGrid]:
    """The model's own pixels; those in the padding around `target` are not `seen`."""
    return _own_line(target, model_input, output, 0), _own_line(target, model_input, output, 1)


def _own_line(target: Box, model_input: Size, output: Size, direction: int) -> SampleGrid:
    count = output[direction]
    positions = np.arange(count) + 0.5
    start, length = _span(target, direction)
    in_target = (positions * model_input[direction] / count - start) / length
    return SampleGrid(count, positions, (in_target >= 0) & (in_target < 1), own=True)


def _through_frame(placed: Fit, output: Size, wanted: Size, direction: int) -> SampleGrid:
    """Pixels that span the frame."""
    count, frame = output[direction], placed.frame[direction]
    in_frame = (np.arange(wanted[direction]) + 0.5) * frame / wanted[direction]
    start, length = _span(placed.source, direction)
    in_source = (in_frame - start) / length
    start, length = _span(placed.target, direction)
    in_input = start + in_source * length
    positions = in_input * count / placed.input[direction]
    return SampleGrid(count, positions, (in_source >= 0) & (in_source < 1), own=False)


def _span(box: Box, direction: int) -> tuple[float, float]:
    return (box.top, box.height) if direction else (box.left, box.width)
