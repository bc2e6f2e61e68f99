"""The facts about a model, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import prod
from pathlib import Path

from edgesegd.core.model import ModelIdentity, unnamed_class_name
from edgesegd.models.palette import Color, voc_color


class OutputKind(StrEnum):
    """The meaning of the values in the output tensor."""

    LOGITS = "logits"
    """One unnormalised score per class, shape (1, H, W, C), C >= 2."""
    PROBABILITIES = "probabilities"
    """One probability per class, summing to 1, shape (1, H, W, C), C >= 2."""
    LABELS = "labels"
    """The class id itself, integer, shape (1, H, W) or (1, H, W, 1)."""
    PROBABILITY = "probability"
    """The probability of the one foreground class, shape (1, H, W) or (1, H, W, 1)."""


ITEM_BYTES = {"float32": 4, "uint8": 1, "int8": 1, "int32": 4, "int64": 8}
"""Bytes per element of the dtypes that inputs and outputs of served models have."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of a model's file.

    `dtype` is numpy's name. `scale` is 0.0 if the tensor is not quantized; otherwise
    real = scale * (stored - zero_point).
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0

    @property
    def size(self) -> int:
        """Bytes of its content."""
        return prod(self.shape) * ITEM_BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class ClassSpec:
    """One class: its name and its colour."""

    name: str
    color: Color


@dataclass(frozen=True, slots=True)
class Upsampling:
    """The end of a graph that only upsamples a small map, and need not be run.

    `scores` is the output of the graph without its end: the tensor at `position`, (1, h, w, C).
    `left_out` are the positions of the operators of the end: a bilinear resize with TFLite's flags
    `align_corners` and `half_pixel_centers`, and the operators after it. `sigmoid` is whether a
    sigmoid follows, which turns the large scores of one class into probabilities.
    """

    scores: TensorSpec
    position: int
    left_out: tuple[int, ...]
    align_corners: bool
    half_pixel_centers: bool
    sigmoid: bool


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A single-image segmentation model, ready to be loaded.

    `input` is (1, H, W, 3); it gets (pixel - mean) / std for red, green and blue, quantized if
    `input.scale` is not 0. `mean` and `std` are None if a quantized input takes pixels unchanged
    (int8: minus 128). `output_position` is the index of the output among the subgraph's outputs.
    `threshold` splits PROBABILITY into the classes 0 and 1. `classes` are all classes in order of
    their ids, but for LABELS only those with a name or a colour; `class_spec` returns any.
    `cpu_twin` is the same model for the CPU, if the file is compiled for an Edge TPU and the
    sidecar names one. With an `upsampling` the graph is run without its end, and the labels are the
    same as with it. `version_number` is the number of its folder, "" if it has none. `content` is
    the path of a copy of the file, None for the file itself.

    `sources` are the sources of "normalization", "output", "threshold", "names" and "palette":
    "file", "metadata", "sidecar", "preset" or "default".
    """

    name: str
    path: Path
    sha256: str
    input: TensorSpec
    output: TensorSpec
    output_position: int
    output_kind: OutputKind
    mean: tuple[float, float, float] | None
    std: tuple[float, float, float] | None
    threshold: float
    classes: tuple[ClassSpec, ...]
    custom_ops: tuple[str, ...]
    cpu_twin: Path | None
    sources: dict[str, str]
    upsampling: Upsampling | None = None
    version_number: str = ""
    content: Path | None = field(default=None, compare=False)

    @property
    def run_output(self) -> TensorSpec:
        """The output of the graph that is run: `output`, or the small scores before upsampling."""
        return self.output if self.upsampling is None else self.upsampling.scores

    @property
    def version(self) -> str:
        """The number of its folder, or else the first 12 digits of its SHA-256."""
        return self.version_number or self.sha256[:12]

    @property
    def identity(self) -> ModelIdentity:
        """The identity that results carry."""
        return ModelIdentity(self.name, self.version, tuple(each.name for each in self.classes))

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the input, pixels."""
        return self.input.shape[2], self.input.shape[1]

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the output, pixels."""
        return self.output.shape[2], self.output.shape[1]

    @property
    def has_scores(self) -> bool:
        """Whether the output has scores, from which confidences are computed."""
        return self.output_kind is not OutputKind.LABELS

    def class_spec(self, class_id: int) -> ClassSpec:
        """The class of an id, 0 to 255; an unknown one is called "class N"."""
        if class_id < len(self.classes):
            return self.classes[class_id]
        return unnamed_class(class_id)


def unnamed_class(class_id: int) -> ClassSpec:
    """A class without a name and a colour of its own."""
    return ClassSpec(unnamed_class_name(class_id), voc_color(class_id))
