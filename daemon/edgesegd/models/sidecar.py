"""The sidecar: a TOML file next to a model, with facts that the model's file does not have.

Everything in it is optional, and overrides other sources:

    [input]
    mean = [127.5, 127.5, 127.5]  # or one number
    std = [127.5, 127.5, 127.5]
    [output]
    index = 0                     # which output of the graph
    kind = "logits"               # logits, probabilities, labels, probability
    threshold = 0.5               # where "probability" becomes class 1
    [classes]
    names = ["background", "cat"] # or file = "labels.txt", relative to the sidecar
    palette = [[0, 0, 0], [255, 0, 0]]
    [pair]
    cpu = "model.tflite"          # the same model for the CPU
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgesegd.models.label_text import parse_labels
from edgesegd.models.normalization import Normalization
from edgesegd.models.palette import Color
from edgesegd.models.spec import OutputKind
from edgesegd.models.toml_section import TomlSection, load_sections, read_small_text

_KEYS: Final = {
    "input": ("mean", "std"),
    "output": ("index", "kind", "threshold"),
    "classes": ("names", "file", "palette"),
    "pair": ("cpu",),
}


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The facts in a sidecar; None for those that it does not have.

    `names_may_exceed` is True for a label file, which may have more names than the model has
    classes.
    """

    path: Path
    normalization: Normalization | None = None
    output_position: int | None = None
    output_kind: OutputKind | None = None
    threshold: float | None = None
    class_names: tuple[str, ...] | None = None
    names_may_exceed: bool = False
    palette: tuple[Color, ...] | None = None
    cpu_twin: Path | None = None


def sidecar_path(model: Path) -> Path:
    """The path of a model's sidecar, which may not exist: `x.toml` for `x.tflite`."""
    return model.with_name(model.name.removesuffix(".tflite") + ".toml")


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar; if it does not exist, it has no facts.

    Raises `ConfigError` with the file, the key and the expected value.
    """
    if not path.exists():
        return Sidecar(path)
    sections = load_sections(path, _KEYS)
    output, classes = sections["output"], sections["classes"]
    return Sidecar(
        path=path,
        normalization=_normalization(sections["input"]),
        output_position=output.integer("index", at_least=0),
        output_kind=_output_kind(output),
        threshold=output.number("threshold", at_least=0, at_most=1),
        class_names=_class_names(classes),
        names_may_exceed=classes.has("file"),
        palette=_palette(classes),
        cpu_twin=sections["pair"].path("cpu"),
    )


def _normalization(section: TomlSection) -> Normalization | None:
    expected = "one number or three numbers"
    mean, std = section.numbers("mean", expected), section.numbers("std", expected)
    if mean is None and std is None:
        return None
    if mean is None or std is None:
        raise section.fault("mean" if mean is None else "std", "given too, with the other")
    for key, numbers in (("mean", mean), ("std", std)):
        if len(numbers) not in {1, 3}:
            raise section.fault(key, expected)
    try:
        return Normalization.of(mean, std)
    except ValueError as fault:
        raise section.fault("std", "greater than 0") from fault


def _output_kind(section: TomlSection) -> OutputKind | None:
    expected = f"one of {', '.join(OutputKind)}"
    text = section.text("kind", expected)
    if text is None:
        return None
    if text not in set(OutputKind):
        raise section.fault("kind", expected)
    return OutputKind(text)


def _class_names(section: TomlSection) -> tuple[str, ...] | None:
    if section.has("names") and section.has("file"):
        raise section.fault("file", "left out where classes.names is given")
    if file := section.path("file"):
        if not (names := parse_labels(read_small_text(file))):
            raise section.fault("file", "a file with one class name a line")
        return names
    expected = "a list of names"
    found = section.items("names", expected)
    if found is None:
        return None
    names = tuple(each for each in found if isinstance(each, str) and each)
    if len(names) != len(found):
        raise section.fault("names", expected)
    return names


def _palette(section: TomlSection) -> tuple[Color, ...] | None:
    expected = "a list of colours [red, green, blue], each 0 to 255"
    found = section.items("palette", expected)
    if found is None:
        return None
    colors = tuple(_color(each) for each in found)
    if None in colors:
        raise section.fault("palette", expected)
    return tuple(each for each in colors if each)


def _color(value: object) -> Color | None:
    match value:
        case [int(red), int(green), int(blue)] if all(
            type(part) is int and 0 <= part <= 255 for part in (red, green, blue)
        ):
            return red, green, blue
        case _:
            return None
