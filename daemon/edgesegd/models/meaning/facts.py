"""What is known about the values of a tensor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from edgesegd.models.meaning.axes import Axes

Range = tuple[float, float]
"""The lowest and the highest of some numbers."""


class Origin(StrEnum):
    """The operation that gave values their meaning."""

    PICTURE = "the picture itself"
    SCORES = "scores"
    """Sums of products, as a convolution computes them."""
    SOFTMAX = "softmax over the classes"
    SIGMOID = "sigmoid"
    IDS = "class ids"
    BINARY = "yes or no"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a tensor's real values.

    They are within `low` to `high`. `made_by` is the operator that gave them their meaning, "" if
    there is none. `axes` is their arrangement, None if it is not known. `class_count` is among how
    many classes ids were chosen, or over how many a softmax went; 0 if it is not known. `unit` is
    the value that means a probability of 1, or yes; 0 is a probability of 0, or no. `is_part` is
    whether rows or columns were cut off, added or joined, so that it may be another part of the
    picture than the whole; `is_cropped` is whether a quarter of them or more was cut off, which is
    not done to undo padding. `is_first` is whether they are of the first class of several only,
    which is usually the background. `is_moved` is whether they are not where they are in the
    picture: in a mirror, or of a crop that was made larger.
    """

    origin: Origin = Origin.OTHER
    made_by: str = ""
    low: float = -inf
    high: float = inf
    axes: Axes | None = None
    class_count: int = 0
    unit: float = 1.0
    is_part: bool = False
    is_first: bool = False
    is_cropped: bool = False
    is_moved: bool = False

    @property
    def is_bounded(self) -> bool:
        """Whether all values are proven to be within some finite range."""
        return self.low > -inf and self.high < inf

    @property
    def is_probability(self) -> bool:
        """Whether 0 to `unit` is a probability of 0 to 1, or no and yes."""
        return self.origin in {Origin.SIGMOID, Origin.BINARY, Origin.SOFTMAX}

    @property
    def is_final(self) -> bool:
        """Whether they are probabilities or ids: what a network says at its end."""
        return self.is_probability or self.origin is Origin.IDS

    def within(self, low: float, high: float) -> bool:
        """Whether all values are proven to be within a range, up to a rounding error."""
        slack = (high - low) / 256
        return low - slack <= self.low and self.high <= high + slack

    def clipped(self, low: float, high: float) -> Facts:
        """The facts after values outside a range have become its ends.

        Probabilities that are cut off do not mean the same any more.
        """
        bounded = replace(
            self, low=min(max(self.low, low), high), high=max(min(self.high, high), low)
        )
        slack = self.unit / 256
        if self.origin is Origin.IDS:
            return replace(bounded, class_count=int(bounded.high) + 1)
        cuts = low > slack or high < self.unit - slack
        return bounded.as_other() if self.is_probability and cuts else bounded

    def scaled(self, factors: Range, offsets: Range) -> Facts:
        """The facts after values are multiplied and then offset.

        Both are given as their lowest and highest. Probabilities that were turned around or moved,
        and ids that were multiplied, do not mean the same any more.
        """
        ends = [
            factor * end if factor else 0.0 for factor in factors for end in (self.low, self.high)
        ]
        changed = replace(self, low=min(ends) + offsets[0], high=max(ends) + offsets[1])
        uneven = factors[0] != factors[1] or offsets[0] != offsets[1]
        if self.origin is Origin.IDS:
            if uneven or factors[0] != 1 or changed.low < 0 or offsets[0] % 1:
                return changed.as_other()
            return replace(changed, class_count=int(changed.high) + 1)
        if self.is_probability:
            if uneven or factors[0] <= 0 or offsets[0] != 0:
                return changed.as_other()
            return replace(changed, unit=self.unit * factors[0])
        return changed

    def as_other(self) -> Facts:
        """Values in the same range, but of a meaning that is not known."""
        return replace(self, origin=Origin.OTHER, class_count=0, unit=1.0)

    def unknown(self, made_by: str) -> Facts:
        """The facts after an operator that gives values a meaning that is not known."""
        return replace(self.becoming(Origin.OTHER, made_by), is_part=self.is_part)

    def becoming(self, origin: Origin, made_by: str, low: float = -inf, high: float = inf) -> Facts:
        """The facts about a function of the values, which are within `low` to `high` then."""
        kept = replace(self, class_count=0, unit=1.0, is_part=False)
        return replace(kept, origin=origin, made_by=made_by, low=low, high=high)

    def stored_up_to(self, highest: float, made_by: str) -> Facts:
        """The facts after values were stored where none is more than `highest`."""
        overflows = self.is_final and self.high > highest * (1 + 1 / 128)
        return self.unknown(f"{made_by} that cannot hold {self.high:g}") if overflows else self
