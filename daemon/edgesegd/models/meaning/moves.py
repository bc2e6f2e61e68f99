"""Operators that only move, pad, resize or requantize values, and keep what they mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from edgesegd.models.meaning import crops
from edgesegd.models.meaning.axes import (
    Axes,
    channels_last,
    is_sideways,
    reshaped,
    resized,
    transposed,
)
from edgesegd.models.meaning.facts import Facts, Origin
from edgesegd.models.meaning.rule import Known, Rule, first
from edgesegd.models.tflite.constants import constant, constant_integers
from edgesegd.models.tflite.graph import Graph, Operator

PADS: Final = ("MIRROR_PAD", "PAD", "PADV2")
_RESIZES: Final = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")


def _kept(known: Known, operator: Operator, _result: int) -> Facts:
    return first(known, operator)


def _quantized(known: Known, operator: Operator, result: int) -> Facts:
    facts, spec = first(known, operator), known.graph.tensors[result].spec
    highest = {"int8": 127, "uint8": 255, "int16": 32767}.get(spec.dtype)
    if highest is None or not spec.scale:
        return facts
    if facts.is_final and spec.scale > facts.unit * (1 + 1 / 128):
        return facts.unknown(f"QUANTIZE in steps of {spec.scale:g}")
    return facts.stored_up_to((highest - spec.zero_point) * spec.scale, "QUANTIZE to a range")


def _reshaped(known: Known, operator: Operator, result: int) -> Facts:
    facts, after = first(known, operator), known.graph.tensors[result].spec.shape
    return replace(facts, axes=None if facts.axes is None else reshaped(facts.axes, after))


def _transposed(known: Known, operator: Operator, _result: int) -> Facts:
    facts, before = first(known, operator), known.graph.tensors[operator.inputs[0]].spec.shape
    order = constant_integers(known.graph, operator.inputs[1]) if len(operator.inputs) > 1 else None
    if facts.axes is None or order is None:
        return replace(facts, axes=None)
    return replace(facts, axes=transposed(facts.axes, before, order))


def _resized(known: Known, operator: Operator, result: int) -> Facts:
    """A resize: between ids there is nothing."""
    facts, source = first(known, operator), operator.inputs[0]
    if facts.origin is Origin.PICTURE:
        return replace(facts, axes=_enlarged(known.graph, facts.axes, source, result))
    if operator.name == "RESIZE_BILINEAR" and facts.origin in {Origin.IDS, Origin.BINARY}:
        return facts.unknown("RESIZE_BILINEAR of class ids")
    if facts.is_part or facts.is_cropped:
        found = facts.unknown(f"{operator.name} of a part of the picture")
        return replace(found, is_moved=facts.is_moved or facts.is_cropped)
    return replace(facts, axes=_enlarged(known.graph, facts.axes, source, result))


def _enlarged(graph: Graph, axes: Axes | None, source: int, result: int) -> Axes | None:
    """The axes after an operator that takes rows and columns from where TFLite has them.

    They stay exchanged if they were.
    """
    before, after = (graph.tensors[each].spec.shape for each in (source, result))
    return resized(axes, before, after) if axes and is_sideways(axes) else channels_last(after)


def _unfolded(known: Known, operator: Operator, result: int) -> Facts:
    """Channels become pixels, so that what was normalised over all channels is not any more."""
    facts = first(known, operator)
    if facts.origin is Origin.SOFTMAX:
        return facts.unknown("DEPTH_TO_SPACE of a softmax")
    return replace(facts, axes=_enlarged(known.graph, facts.axes, operator.inputs[0], result))


def _padded(known: Known, operator: Operator, result: int) -> Facts:
    """Padding with 0 is no class, or the first one."""
    facts, source = first(known, operator), operator.inputs[0]
    if operator.name == "PADV2" and len(operator.inputs) > 2:
        value = constant(known.graph, operator.inputs[2])
        if value is None or any(each != 0 for each in value):
            return facts.unknown(operator.name)
    if facts.axes is None:
        return facts
    tensors = known.graph.tensors
    axes = resized(facts.axes, tensors[source].spec.shape, tensors[result].spec.shape)
    return replace(facts, axes=axes, is_part=True)


_COPIES: Final[dict[str, Rule]] = {
    "DEPTH_TO_SPACE": _unfolded,
    "TRANSPOSE": _transposed,
    **crops.RULES,
    **dict.fromkeys(PADS, _padded),
    **dict.fromkeys(("EXPAND_DIMS", "RESHAPE", "SQUEEZE"), _reshaped),
    **dict.fromkeys(_RESIZES, _resized),
}


def _copied(known: Known, operator: Operator, result: int) -> Facts:
    """An operator that copies stored numbers, which then mean what their tensor says."""
    facts = _COPIES[operator.name](known, operator, result)
    before, after = (known.graph.tensors[each].spec for each in (crops.source_of(operator), result))
    if facts.origin is Origin.PICTURE or before.stores_like(after):
        return facts
    return facts.unknown(f"{operator.name} to another quantization")


RULES: Final[dict[str, Rule]] = {
    "QUANTIZE": _quantized,
    **dict.fromkeys(("DEQUANTIZE", "FAKE_QUANT"), _kept),
    **dict.fromkeys(_COPIES, _copied),
}
