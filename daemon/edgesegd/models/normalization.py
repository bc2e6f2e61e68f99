"""How pixels are converted to the values that a model was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from edgesegd.core.errors import ModelInvalid
from edgesegd.models.spec import TensorSpec

PerChannel = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Normalization:
    """(pixel - mean) / std, for red, green and blue; pixels are 0 to 255."""

    mean: PerChannel
    std: PerChannel

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float]) -> Normalization:
        """Make it from one number for all channels, or from three; else raises ValueError."""
        normalization = cls(_per_channel(mean), _per_channel(std))
        if min(normalization.std) <= 0:
            raise ValueError("std must be greater than 0")
        return normalization

    def keeps_pixels(self, tensor: TensorSpec) -> bool:
        """Whether the quantized result is the pixel itself (int8: minus 128), give or take 1."""
        lowest = -128 if tensor.dtype == "int8" else 0
        return all(
            abs((pixel - mean) / std / tensor.scale + tensor.zero_point - (pixel + lowest)) <= 1
            for mean, std in zip(self.mean, self.std, strict=True)
            for pixel in (0, 255)
        )


def choose_normalization(
    tensor: TensorSpec, known: Iterable[tuple[str, Normalization | None]], sidecar_name: str
) -> tuple[Normalization | None, str]:
    """The first known normalization, and its source; None for a quantized input that takes pixels.

    Raises `ModelInvalid` for a float input without a known normalization, because a guess would
    lead to masks that look almost right.
    """
    source, found = next(((s, each) for s, each in known if each), ("default", None))
    if tensor.dtype == "float32":
        if found is None:
            raise ModelInvalid(_what_to_write(sidecar_name))
        return found, source
    if found and tensor.scale and not found.keeps_pixels(tensor):
        return found, source
    return None, source


def _per_channel(numbers: Sequence[float]) -> PerChannel:
    if not all(isfinite(number) for number in numbers):
        raise ValueError("a finite number is needed")
    match numbers:
        case [every]:
            return every, every, every
        case [red, green, blue]:
            return red, green, blue
        case _:
            raise ValueError("one number or three are needed")


def _what_to_write(sidecar_name: str) -> str:
    return (
        "the model takes float32, but neither its file nor anything else says how pixels are "
        f"scaled for it; write what it was trained with into {sidecar_name} beside it: "
        "input = { mean = 127.5, std = 127.5 } for -1 to 1, or "
        "input = { mean = 0, std = 255 } for 0 to 1"
    )
