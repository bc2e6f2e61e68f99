"""The facts about a model, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgesegd.models.spec import ModelSpec, OutputKind, TensorSpec
from edgesegd.models.spec_message import to_message

if TYPE_CHECKING:
    from rich.table import Table

_MEANINGS = {
    OutputKind.LOGITS: "one score per class",
    OutputKind.PROBABILITIES: "one probability per class",
    OutputKind.LABELS: "the class id",
    OutputKind.PROBABILITY: "the probability of class 1",
}


def facts_as_json(spec: ModelSpec) -> str:
    """All fields of the spec, with the file's version and size in bytes."""
    facts = to_message(spec) | {"version": spec.version, "size": spec.path.stat().st_size}
    return json.dumps(facts, indent=2, default=str)


def facts_as_table(spec: ModelSpec) -> Table:
    """The facts, and the source of each."""
    from rich.table import Column, Table  # noqa: PLC0415 - only needed for a table
    from rich.text import Text  # noqa: PLC0415

    table = Table("fact", Column("value", overflow="fold"), "from", box=None)
    for fact, value, source in _facts(spec):
        table.add_row(fact, Text(value), source)
    names = Text()
    for class_id, each in enumerate(spec.classes):
        red, green, blue = each.color
        names.append("■ ", style=f"rgb({red},{green},{blue})")
        names.append(f"{class_id} {each.name}\n")
    names.rstrip()
    table.add_row("classes", names, spec.sources["names"])
    return table


def _facts(spec: ModelSpec) -> Iterator[tuple[str, str, str]]:
    yield "name", spec.name, ""
    yield "file", f"{spec.path} ({spec.path.stat().st_size} bytes)", ""
    yield "SHA-256", spec.sha256, "file"
    yield "input", _describe(spec.input), "file"
    yield "pixels become", _normalization(spec), spec.sources["normalization"]
    yield "output", f"{_describe(spec.output)}, number {spec.output_position}", "file"
    yield "labels come", _way(spec), ""
    yield "each value is", _MEANINGS[spec.output_kind], spec.sources["output"]
    if spec.output_kind is OutputKind.PROBABILITY:
        yield "class 1 from", f"{spec.threshold:g}", spec.sources["threshold"]
    yield "custom operators", ", ".join(spec.custom_ops) or "none", "file"
    yield "colours", f"of {len(spec.classes)} classes", spec.sources["palette"]
    if spec.cpu_twin:
        yield "on the CPU", str(spec.cpu_twin), "sidecar"


def _way(spec: ModelSpec) -> str:
    if spec.upsampling is None:
        return "from the output as it is"
    _, height, width, _ = spec.upsampling.scores.shape
    return f"from {width}x{height} scores, exactly: the graph's resize to {_size(spec)} is not run"


def _size(spec: ModelSpec) -> str:
    width, height = spec.output_size
    return f"{width}x{height}"


def _describe(tensor: TensorSpec) -> str:
    quantized = f", scale {tensor.scale:g}, zero point {tensor.zero_point}" if tensor.scale else ""
    return f"{tensor.name} {tensor.shape} {tensor.dtype}{quantized}"


def _normalization(spec: ModelSpec) -> str:
    if spec.mean is None or spec.std is None:
        return "themselves" if spec.input.dtype == "uint8" else "themselves - 128"
    return f"(pixel - {_per_channel(spec.mean)}) / {_per_channel(spec.std)}"


def _per_channel(numbers: tuple[float, ...]) -> str:
    parts = [f"{number:g}" for number in numbers]
    return parts[0] if len(set(parts)) == 1 else f"({', '.join(parts)})"
