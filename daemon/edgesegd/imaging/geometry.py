"""How a frame is placed in the model's input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from edgesegd.core.options import ResizePolicy

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels; edges may be fractions of pixels."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Fit:
    """The part `source` of a frame fills the part `target` of the model's input.

    `frame` and `input` are the whole sizes. `target` has whole numbers.
    """

    frame: Size
    input: Size
    source: Box
    target: Box

    @property
    def target_size(self) -> Size:
        """Width and height of `target` as whole pixels."""
        return int(self.target.width), int(self.target.height)

    @property
    def decode_size(self) -> Size:
        """The smallest size at which the whole frame can be decoded without losing detail."""
        return (
            max(1, round(self.target.width * self.frame[0] / self.source.width)),
            max(1, round(self.target.height * self.frame[1] / self.source.height)),
        )


@lru_cache(maxsize=32)  # a stream's frames have one size
def fit(frame: Size, model_input: Size, policy: ResizePolicy) -> Fit:
    """How `policy` places a frame of one size in a model's input of another."""
    (fw, fh), (iw, ih) = frame, model_input
    source, target = Box(0, 0, fw, fh), Box(0, 0, iw, ih)
    if policy is ResizePolicy.LETTERBOX:
        scale = min(iw / fw, ih / fh)
        width, height = max(1, round(fw * scale)), max(1, round(fh * scale))
        target = Box((iw - width) // 2, (ih - height) // 2, width, height)
    elif policy is ResizePolicy.CROP:
        scale = max(iw / fw, ih / fh)
        width_used, height_used = iw / scale, ih / scale
        # Rounding must not move an edge outside the frame.
        left, top = max(0.0, (fw - width_used) / 2), max(0.0, (fh - height_used) / 2)
        source = Box(left, top, width_used, height_used)
    return Fit(frame, model_input, source, target)
