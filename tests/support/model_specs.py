"""Specs of models without a file, for tests that run no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgesegd.core.model import ClassSpec
from edgesegd.models.pixel_map import PixelMap
from edgesegd.models.spec import ModelSpec, OutputKind, TensorSpec

Three = tuple[float, ...]

CENTRED: Three = (127.5, 127.5, 127.5)
FLOAT_IMAGE = TensorSpec("image", (1, 8, 8, 3), "float32")
LOGITS = TensorSpec("logits", (1, 4, 6, 3), "float32")
GROUND_SKY_TREE = (
    ClassSpec("ground", (10, 20, 30)),
    ClassSpec("sky", (40, 50, 60)),
    ClassSpec("tree", (70, 80, 90)),
)


def model_spec(
    *,
    image: TensorSpec = FLOAT_IMAGE,
    output: TensorSpec = LOGITS,
    kind: OutputKind = OutputKind.LOGITS,
    mean: Three | None = CENTRED,
    std: Three | None = CENTRED,
    threshold: float = 0.5,
    classes: Sequence[ClassSpec] = GROUND_SKY_TREE,
    input_map: PixelMap | None = None,
    output_map: PixelMap | None = None,
    alpha: int = 255,
) -> ModelSpec:
    """A model named "rooms" with an input of 8x8 and an output of 6x4, unless given otherwise.

    Without a map, a tensor is (1, H, W, C) or (1, H, W).
    """
    return ModelSpec(
        name="rooms",
        path=Path("/nowhere/rooms.tflite"),
        sha256="0123456789abcdef" * 4,
        input=image,
        output=output,
        output_position=0,
        output_kind=kind,
        mean=mean,
        std=std,
        threshold=threshold,
        classes=tuple(classes),
        custom_ops=(),
        cpu_twin=None,
        sources={},
        input_map=input_map or _channels_last(image),
        output_map=output_map or _channels_last(output),
        alpha=alpha,
    )


def _channels_last(tensor: TensorSpec) -> PixelMap:
    _, height, width, *rest = tensor.shape
    return PixelMap(height, width, rest[0] if rest else 1)
