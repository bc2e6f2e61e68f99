"""Decides what the values of a mask are, from what its graph proves."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

from edgesegd.models.compiled import EDGETPU_OP
from edgesegd.models.meaning.facts import Facts, Origin
from edgesegd.models.name_words import first_word
from edgesegd.models.pixel_map import PixelMap
from edgesegd.models.spec import OutputKind, TensorSpec

_REAL: Final = {"float32", "uint8", "int8", "int16"}
_LARGE_INTEGERS: Final = {"int32", "uint32", "int64", "uint64"}
_WHOLE: Final = {"bool", "uint8", "int8", "int16", "uint16", *_LARGE_INTEGERS}
_COLORS: Final = 3
_BYTE: Final = 255.0

_OTHER_TASKS: Final = {
    *("anchor", "anchors", "bbox", "bboxes", "box", "boxes", "depth", "disparity", "displacement"),
    *("displacements", "embedding", "embeddings", "heat map", "heatmap", "heatmaps", "heat maps"),
    *("hm", "hms", "joint", "joints", "key point", "key points", "keypoint", "keypoints", "kp"),
    *("kps", "kpt", "kpts", "landmark", "landmarks", "objectness", "offset", "offsets", "paf"),
    *("pafs", "pose", "poses", "proto", "protos", "prototype", "prototypes"),
}
"""Words in the names of outputs of models that do something else."""
_MASKS: Final = {"mask", "masks", "seg", "segm", "segmentation", "segments", "semantic"}
_NO_TASKS: Final = {"depth to", "depth wise"}
"""Where such a word is part of an operator's name."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Why an output is not known to be a mask; `keys` are the kinds that a sidecar may name."""

    reason: str
    keys: tuple[OutputKind, ...] = ()


@dataclass(frozen=True, slots=True)
class MaskValues:
    """The values of a mask of the picture `image`: its `names`, tensor, arrangement and facts.

    `has_class_names` is whether something names as many classes as it has channels. `sees_part` is
    whether the graph crops or mirrors the picture before its first layer.
    """

    names: str
    tensor: TensorSpec
    map: PixelMap
    image: PixelMap
    facts: Facts
    has_class_names: bool = False
    sees_part: bool = False

    @property
    def is_larger(self) -> bool:
        """Whether it has more pixels than the picture, as an enlarged picture has."""
        return self.map.width > self.image.width and self.map.height > self.image.height

    @property
    def may_show_a_part(self) -> bool:
        """Whether it may be a mask of a part of the picture, or of it as in a mirror."""
        is_padded_back = self.facts.is_part and self.map.size == self.image.size
        is_moved = self.facts.is_moved and self.facts.origin is not Origin.OTHER
        return is_moved or (self.sees_part and not is_padded_back)

    @property
    def may_be_colors(self) -> bool:
        """Whether it may be a picture: three channels of at least the input's size, unnamed."""
        as_large = self.is_larger or self.map.size == self.image.size
        return self.map.channels == _COLORS and as_large and not self.has_class_names


def decide_kind(values: MaskValues) -> OutputKind | Unclear:
    """The kind of a mask; `Unclear` if it cannot be proven."""
    word = first_word(values.names, _OTHER_TASKS, _NO_TASKS)
    if word and not first_word(values.names, _MASKS):
        return Unclear(f"its name has {word!r} in it", tuple(OutputKind))
    if values.facts.origin is Origin.PICTURE:
        return Unclear("it is a changed picture")
    if (values.facts.is_part or values.facts.is_cropped) and values.map.size != values.image.size:
        return Unclear(
            "it may show only a part of the picture, for it was cropped", tuple(OutputKind)
        )
    if values.may_show_a_part:
        return Unclear(
            "it may show only a part of the picture, which the graph crops or mirrors"
            f" {'first' if values.sees_part else 'at its end'}",
            tuple(OutputKind),
        )
    if values.map.channels == 1:
        return _of_one_channel(values)
    return _of_several_channels(values)


def can_be(tensor: TensorSpec, found: PixelMap, kind: OutputKind) -> bool:
    """Whether the shape of a tensor that can be read, and its dtype, allow a kind."""
    match kind:
        case OutputKind.LABELS | OutputKind.PROBABILITY:
            return found.channels == 1
        case OutputKind.LOGIT:
            return found.channels == 1 and tensor.dtype in _REAL
        case OutputKind.MULTILABEL:
            return found.channels > 1
        case _:
            return found.channels > 1 and tensor.dtype in _REAL


def why_unreadable(tensor: TensorSpec) -> str:
    """Why values of a type are not served; "" if they are."""
    if tensor.dtype in _REAL | _WHOLE:
        return ""
    return f"outputs of {tensor.dtype} are not served; convert the model with one of float32"


def unit_of(tensor: TensorSpec, kind: OutputKind, facts: Facts) -> float:
    """The real value that means a probability of 1; 1 for what is no probability.

    Some graphs multiply probabilities by 255, so that they can be stored as bytes without
    quantization. Bytes of which nothing else is known are taken to be such.
    """
    if kind not in {OutputKind.PROBABILITY, OutputKind.PROBABILITIES, OutputKind.MULTILABEL}:
        return 1.0
    if facts.is_probability:
        return facts.unit
    if facts.origin is Origin.SCORES and facts.low >= 0 and 1 < facts.high < inf:
        return facts.high  # of scores that were clipped and scaled
    is_byte = tensor.dtype == "uint8" and not tensor.scale and not facts.within(0, 1)
    return _BYTE if is_byte else 1.0


def _of_one_channel(values: MaskValues) -> OutputKind | Unclear:
    tensor, facts = values.tensor, values.facts
    ask = OutputKind.LABELS, OutputKind.PROBABILITY, OutputKind.LOGIT
    match facts.origin:
        case Origin.IDS:
            return OutputKind.LABELS
        case Origin.BINARY:
            return OutputKind.LABELS if facts.unit == 1 else OutputKind.PROBABILITY
        case Origin.SIGMOID:
            return _of_one_sigmoid(values, ask[1:])
        case Origin.SCORES if tensor.dtype in _REAL:
            return _of_one_score(values, ask[1:])
    # What an unknown operator stores in 32 or 64 bits is no picture and no score.
    if (not facts.made_by or facts.made_by.startswith("CUSTOM")) and (
        tensor.dtype in _LARGE_INTEGERS
    ):
        return OutputKind.LABELS
    unknown = f"its {tensor.dtype} values come from {_maker(facts)}: their meaning is not known"
    return Unclear(unknown, ask if tensor.dtype in _REAL else ask[:2])


def _of_one_sigmoid(values: MaskValues, ask: tuple[OutputKind, ...]) -> OutputKind | Unclear:
    if values.is_larger:
        return Unclear("it is larger than the input, as an enlarged picture is", ask)
    return OutputKind.PROBABILITY


def _of_one_score(values: MaskValues, ask: tuple[OutputKind, ...]) -> OutputKind | Unclear:
    if not values.facts.within(0, 1):
        maker = _maker(values.facts)
        return Unclear(
            f"it is one score a pixel from {maker}, and nothing bounds it to 0 to 1", ask
        )
    if values.image.channels == 1 or values.is_larger:
        return Unclear("it may be a grey picture", ask)
    return OutputKind.PROBABILITY


def _of_several_channels(values: MaskValues) -> OutputKind | Unclear:
    tensor, facts = values.tensor, values.facts
    ask = OutputKind.LOGITS, OutputKind.PROBABILITIES, OutputKind.MULTILABEL
    if values.may_be_colors and facts.origin is not Origin.SOFTMAX:
        return Unclear(
            "its three values a pixel may be classes or the colours of a picture: classes.names of "
            "three classes, or output.kind, says which",
            ask,
        )
    if facts.origin is Origin.BINARY:
        return OutputKind.MULTILABEL
    if tensor.dtype not in _REAL:
        what = f"{values.map.channels} values a pixel are {tensor.dtype} from {_maker(facts)}"
        return Unclear(f"its {what}", ask[2:])
    kind = _of_classes(tensor, facts, values.map.channels)
    if kind is None:
        return Unclear(f"its values come from {_maker(facts)}: their meaning is not known", ask)
    return kind


def _of_classes(tensor: TensorSpec, facts: Facts, channels: int) -> OutputKind | None:
    match facts.origin:
        case Origin.SOFTMAX if facts.class_count == channels:
            return OutputKind.PROBABILITIES
        case Origin.SIGMOID:
            return OutputKind.MULTILABEL
        case Origin.SCORES if not _is_like_a_picture(facts):
            return OutputKind.LOGITS
        case Origin.OTHER if _is_custom(facts) and not _is_normalised(tensor):
            return OutputKind.LOGITS
    return None


def _is_like_a_picture(facts: Facts) -> bool:
    """Whether scores were clipped as the colours of pictures are."""
    return facts.is_bounded and (facts.within(0, 1) or (facts.within(0, 255) and facts.high > 128))


def _is_custom(facts: Facts) -> bool:
    """Whether an operator made them that is not TFLite's; what an Edge TPU runs may be any."""
    return facts.made_by.startswith("CUSTOM") and EDGETPU_OP not in facts.made_by


def _is_normalised(tensor: TensorSpec) -> bool:
    """Whether a tensor can only hold 0 to 1, so that it may be softmaxes or sigmoids."""
    return 0 < tensor.scale <= 1 / 250


def _maker(facts: Facts) -> str:
    return facts.made_by or "an operator that is not known here"
