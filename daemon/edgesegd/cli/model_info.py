"""The facts about a model, as lines and as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from edgesegd.cli.tables import print_text, printable
from edgesegd.models.spec import ModelSpec, OutputKind, TensorSpec
from edgesegd.models.spec_message import to_message

_MEANINGS = {
    OutputKind.LOGITS: "one score per class",
    OutputKind.PROBABILITIES: "one probability per class",
    OutputKind.MULTILABEL: "one probability per class, each by itself",
    OutputKind.LABELS: "the class id",
    OutputKind.PROBABILITY: "the probability of class 1",
    OutputKind.LOGIT: "the score of class 1, whose sigmoid is its probability",
}


def facts_as_json(spec: ModelSpec) -> str:
    """All fields of the spec, with the file's version and size in bytes."""
    facts = to_message(spec) | {"version": spec.version, "size": spec.path.stat().st_size}
    return json.dumps(facts, indent=2, default=str)


def print_facts(spec: ModelSpec) -> None:
    """Print the facts with the source of each, then the classes with their colours."""
    from rich.console import Console  # noqa: PLC0415 - knows whether colours can be shown
    from rich.text import Text  # noqa: PLC0415 - as above

    for fact, value, source in _facts(spec):
        print_text(_sentence(fact, value, source), "  ")
    print(f"classes (names from the {spec.sources['names']}):")
    console = Console(file=sys.stdout)  # with a file, rich uses its encoding
    for class_id, each in enumerate(spec.classes):
        colour = "#{:02x}{:02x}{:02x}".format(*each.color)
        square = Text("■ ", style=colour) if console.color_system else Text()
        text = square.append(f"{class_id:3} {printable(each.name)}  {colour}", style="default")
        console.print(text, soft_wrap=True, highlight=False)


def facts_as_lines(spec: ModelSpec) -> Iterator[str]:
    """What decides whether masks are right, a fact a line."""
    decisive = {"picture", "pixels become", "output", "mask", "each value is", "note"}
    for fact, value, source in _facts(spec):
        if fact in decisive:
            yield _sentence(fact, value, source)
    yield (
        "classes: "
        + ", ".join(each.name for each in spec.classes[:8])
        + (f" and {len(spec.classes) - 8} more" if len(spec.classes) > 8 else "")
    )


def _sentence(fact: str, value: str, source: str) -> str:
    return f"{fact}: {value} (from the {source})" if source else f"{fact}: {value}"


def _facts(spec: ModelSpec) -> Iterator[tuple[str, str, str]]:
    yield "name", spec.name, ""
    yield "file", f"{spec.path} ({spec.path.stat().st_size} bytes)", ""
    yield "SHA-256", spec.sha256, "file"
    yield "input", _describe(spec.input), spec.sources["input"]
    order = f", {spec.order}" if spec.input_map.channels > 1 else ""
    yield "picture", f"{spec.input_map}{order}", spec.sources["input"]
    yield "pixels become", _normalization(spec), spec.sources["normalization"]
    yield (
        "output",
        f"{_describe(spec.output)}, number {spec.output_position}",
        spec.sources["output"],
    )
    yield "mask", str(spec.output_map), spec.sources["mask"]
    yield "labels come", _origin_of_labels(spec), ""
    meaning = f"{_MEANINGS[spec.output_kind]} ({spec.output_kind}; {spec.proof})"
    yield "each value is", meaning, spec.sources["kind"]
    if spec.unit != 1:
        yield "a probability of 1 is", f"{spec.unit:g}", spec.sources["kind"]
    if spec.output_kind.has_threshold:
        what = "class 1 from" if spec.output_kind.is_binary else "a class from"
        yield what, f"{spec.threshold:g}", spec.sources["threshold"]
    yield "custom operators", ", ".join(spec.custom_ops) or "none", "file"
    yield "colours", f"of {len(spec.classes)} classes", spec.sources["palette"]
    for note in spec.notes:
        yield "note", note, ""
    if spec.cpu_twin:
        yield "on the CPU", str(spec.cpu_twin), "sidecar"


def _origin_of_labels(spec: ModelSpec) -> str:
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
        return "themselves - 128" if spec.input.dtype == "int8" else "themselves"
    return f"(pixel - {_per_channel(spec.mean)}) / {_per_channel(spec.std)}"


def _per_channel(numbers: tuple[float, ...]) -> str:
    parts = [f"{number:g}" for number in numbers]
    return parts[0] if len(set(parts)) == 1 else f"({', '.join(parts)})"
