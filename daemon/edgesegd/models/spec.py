"""The facts about a model, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import isclose, prod
from pathlib import Path

from edgesegd.core.model import ClassSpec, ModelIdentity, unnamed_class_name
from edgesegd.models.palette import voc_color
from edgesegd.models.pixel_map import ChannelOrder, PixelMap


class OutputKind(StrEnum):
    """The meaning of the values in the output tensor."""

    LOGITS = "logits"
    """One unnormalised score per class, at least two classes."""
    PROBABILITIES = "probabilities"
    """One probability per class, summing to 1, at least two classes."""
    MULTILABEL = "multilabel"
    """One probability per class, each by itself, at least two classes."""
    LABELS = "labels"
    """The class id itself, in any dtype."""
    PROBABILITY = "probability"
    """The probability of the one foreground class."""
    LOGIT = "logit"
    """The unnormalised score of the one foreground class: sigmoid(score) is its probability."""

    @property
    def is_binary(self) -> bool:
        """Whether there is one value per pixel, which a threshold splits into two classes."""
        return self in {OutputKind.PROBABILITY, OutputKind.LOGIT}

    @property
    def has_threshold(self) -> bool:
        """Whether a pixel belongs to a class only from some probability on."""
        return self.is_binary or self is OutputKind.MULTILABEL


ITEM_BYTES = {
    "float32": 4,
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
}
"""Bytes per element of the dtypes that inputs and outputs of served models have."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of a model's file.

    `dtype` is numpy's name. `scale` is 0.0 if stored values are the real ones; otherwise
    real = scale * (stored - zero_point).
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0

    @property
    def stores_real_values(self) -> bool:
        """Whether the stored numbers are the real values."""
        return not self.scale or (self.scale == 1 and self.zero_point == 0)

    def stores_like(self, other: TensorSpec) -> bool:
        """Whether the same stored number means the same real value in both tensors."""
        if self.stores_real_values or other.stores_real_values:
            return self.stores_real_values and other.stores_real_values
        return self.zero_point == other.zero_point and isclose(
            self.scale, other.scale, rel_tol=1e-3
        )

    @property
    def size(self) -> int:
        """Bytes of its content."""
        return prod(self.shape) * ITEM_BYTES[self.dtype]


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

    `input_map` and `output_map` are how a picture and a mask are arranged in `input` and `output`.
    The input gets (pixel - mean) / std for each of its channels, quantized if `input.scale` is
    not 0: red, green and blue in their `order`; or the luma; or these three and `alpha`, 0 to 255.
    `mean` and
    `std` are None if the input takes pixels unchanged (int8: minus 128). `output_position` is the
    index of the output among the subgraph's outputs. `unit` is the real value that means a
    probability of 1. `threshold` splits the values of one class
    into the classes 0 and 1, and with MULTILABEL classes from "no class". `classes` are all classes
    in order of their ids, but for LABELS of an unknown number of classes only those with a name or
    a colour; `class_spec` returns any.
    `cpu_twin` is the same model for the CPU, if the file is compiled for an Edge TPU and the
    sidecar names one. With an `upsampling` the graph is run without its end, and the labels are the
    same as with it. `version_number` is the number of its folder, "" if it has none. `content` is
    the path of a copy of the file, None for the file itself.

    `sources` are the sources of "normalization", "output", "threshold", "names" and "palette":
    "file", "metadata", "sidecar", "preset" or "default". `proof` says what shows that the output is
    of its kind. `notes` are sentences on what was not certain, and how it was decided.
    `note` is what the sidecar says to users of the model.
    """

    name: str
    path: Path
    sha256: str
    input: TensorSpec
    output: TensorSpec
    output_position: int
    output_kind: OutputKind
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    threshold: float
    classes: tuple[ClassSpec, ...]
    custom_ops: tuple[str, ...]
    cpu_twin: Path | None
    sources: dict[str, str]
    input_map: PixelMap
    output_map: PixelMap
    upsampling: Upsampling | None = None
    order: ChannelOrder = ChannelOrder.RGB
    alpha: int = 255
    unit: float = 1.0
    proof: str = ""
    notes: tuple[str, ...] = ()
    version_number: str = ""
    note: str = ""
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
        return ModelIdentity(self.name, self.version, self.classes)

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the input, pixels."""
        return self.input_map.size

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the output, pixels."""
        return self.output_map.size

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
