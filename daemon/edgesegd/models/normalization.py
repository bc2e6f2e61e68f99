"""How pixels are converted to the values that a model was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from edgesegd.core.errors import ModelInvalid
from edgesegd.models.spec import TensorSpec

PerChannel = tuple[float, ...]
"""One number for all channels, or one for each."""

Range = tuple[float, float]
PIXELS: Final = (0.0, 255.0)
ONE: Final = (0.0, 1.0)
CENTRED: Final = (-1.0, 1.0)
USUAL_RANGES: Final[tuple[Range, ...]] = (PIXELS, ONE, CENTRED)
"""Real values of quantized inputs that take pixels as they are: all are the same bytes."""


@dataclass(frozen=True, slots=True)
class Normalization:
    """(pixel - mean) / std for each channel; pixels are 0 to 255."""

    mean: PerChannel
    std: PerChannel

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float]) -> Normalization:
        """Make it from one number for all channels, or from one for each; raises ValueError."""
        if not all(isfinite(number) for number in (*mean, *std)) or not mean or not std:
            raise ValueError("finite numbers are needed")
        if min(std) <= 0:
            raise ValueError("std must be greater than 0")
        return cls(tuple(mean), tuple(std))

    def for_channels(self, count: int) -> Normalization:
        """With one number for each of `count` channels; raises ModelInvalid if there are others."""
        mean, std = (each * count if len(each) == 1 else each for each in (self.mean, self.std))
        if len(mean) != count or len(std) != count:
            found = len(mean) if len(mean) != count else len(std)
            raise ModelInvalid(
                f"mean and std have {found} numbers, but the model's input has {count} channels; "
                "one number is for all channels"
            )
        return Normalization(mean, std)

    def loss(self, tensor: TensorSpec) -> str:
        """How an integer input loses most of a picture in its worst channel; "" if it does not."""
        scale, lowest = tensor.scale or 1.0, -128 if tensor.dtype == "int8" else 0
        for mean, std in zip(self.mean, self.std, strict=True):
            exact = [(pixel - mean) / std / scale + tensor.zero_point for pixel in range(256)]
            held = [each for each in exact if lowest - 1 < each < lowest + 256]
            if (cut := 256 - len(held)) > MAX_CUT:
                return f"cuts off {cut} of 256 pixel values"
            if (apart := len({round(each) for each in held})) < MIN_DISTINCT:
                return f"leaves {apart} of 256 pixel values apart"
        return ""

    def keeps_pixels(self, tensor: TensorSpec) -> bool:
        """Whether the quantized result is the pixel itself (int8: minus 128), give or take 1."""
        lowest = -128 if tensor.dtype == "int8" else 0
        return all(
            abs((pixel - mean) / std / tensor.scale + tensor.zero_point - (pixel + lowest)) <= 1
            for mean, std in zip(self.mean, self.std, strict=True)
            for pixel in (0, 255)
        )


MIN_DISTINCT, MAX_CUT = 64, 32
"""Pixel values that must stay apart in an integer input, and that may be cut off at its ends."""


def choose_normalization(
    tensor: TensorSpec,
    channels: int,
    known: Iterable[tuple[str, Normalization | None]],
    sidecar_name: str,
) -> tuple[Normalization | None, str]:
    """The first known normalization, and its source; None for an input that takes pixels.

    Raises `ModelInvalid` for an input without a known normalization that is float, or that is
    quantized to a range that is not one of pixels, because a guess would lead to masks that look
    almost right; and for a normalization that contradicts the quantization.
    """
    source, found = next(((s, each) for s, each in known if each), ("default", None))
    if found is not None:
        found = found.for_channels(channels)
    if tensor.dtype == "float32":
        if found is None:
            raise ModelInvalid(_what_to_write("float32", sidecar_name))
        return found, source
    if found is None:
        _require_pixels(tensor, sidecar_name)
        return None, source
    if tensor.scale and found.keeps_pixels(tensor):
        return None, source
    loss = found.loss(tensor)
    if loss and source != "sidecar":  # it is of the model before quantization
        _require_pixels(tensor, sidecar_name)
        return None, "default"
    if loss:
        raise ModelInvalid(
            f"the normalization {loss}, for the model's input is {_describe(tensor)}; correct "
            f"input.mean and input.std in {sidecar_name}, for real values in that range"
        )
    return found, source


def _require_pixels(tensor: TensorSpec, sidecar_name: str) -> None:
    """Raise ModelInvalid if an integer input's real values are not in a usual range of pixels."""
    if usual_range(*real_range(tensor)) is not None:
        return
    raise ModelInvalid(_what_to_write(_describe(tensor), sidecar_name))


def usual_range(low: float, high: float) -> Range | None:
    """The usual range of pixels that this is, up to 2 %; None if it is none."""
    for usual in USUAL_RANGES:
        slack = (usual[1] - usual[0]) * 0.02
        if abs(low - usual[0]) <= slack and abs(high - usual[1]) <= slack:
            return usual
    return None


def real_range(tensor: TensorSpec) -> tuple[float, float]:
    """The lowest and the highest real value that an 8-bit tensor can hold."""
    lowest, scale = -128 if tensor.dtype == "int8" else 0, tensor.scale or 1.0
    return (lowest - tensor.zero_point) * scale, (lowest + 255 - tensor.zero_point) * scale


def _describe(tensor: TensorSpec) -> str:
    low, high = real_range(tensor)
    return f"{tensor.dtype} for real values of {low:.3g} to {high:.3g}"


def _what_to_write(what: str, sidecar_name: str) -> str:
    return (
        f"the model takes {what}, but neither its file nor anything else says how pixels are "
        f"scaled for it; write what it was trained with into {sidecar_name} beside it: "
        "input = { mean = 127.5, std = 127.5 } for -1 to 1, "
        "input = { mean = 0, std = 255 } for 0 to 1, or "
        "input = { mean = [123.675, 116.28, 103.53], std = [58.395, 57.12, 57.375] } for the mean "
        "and deviation of ImageNet"
    )
