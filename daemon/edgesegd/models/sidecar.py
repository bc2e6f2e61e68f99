"""The sidecar: a TOML file next to a model, with facts that the model's file does not have.

Everything in it is optional, and overrides other sources:

    [input]
    mean = [127.5, 127.5, 127.5]  # or one number; as many as the input has channels
    std = [127.5, 127.5, 127.5]
    size = [257, 257]             # width and height, for a model that takes any size
    layout = "channels_last"      # or channels_first
    order = "rgb"                 # or bgr
    alpha = 255                   # the fourth channel, 0 to 255
    [output]
    index = 0                     # which output of the graph
    kind = "logits"               # or another of `OutputKind`
    threshold = 0.5               # from which probability a pixel belongs to a class
    unit = 1.0                    # which value means a probability of 1
    shape = [257, 257]            # height and width of the mask
    layout = "channels_last"      # or channels_first
    [classes]
    names = ["background", "cat"] # or file = "labels.txt", relative to the sidecar
    palette = [[0, 0, 0], [255, 0, 0]]
    [pair]
    cpu = "model.tflite"          # the same model for the CPU
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from edgesegd.core.errors import ConfigError
from edgesegd.core.model import Color
from edgesegd.models.image_input import MAX_SIDE, InputWishes
from edgesegd.models.label_text import parse_labels
from edgesegd.models.normalization import Normalization
from edgesegd.models.output_candidates import OutputWishes
from edgesegd.models.pixel_map import ChannelOrder, Layout
from edgesegd.models.spec import OutputKind
from edgesegd.models.toml_section import TomlSection, load_sections, read_small_text

_WITHOUT_UNIT: Final = (OutputKind.LABELS, OutputKind.LOGIT, OutputKind.LOGITS)

Choice = TypeVar("Choice", bound=StrEnum)

MAX_NOTE: Final = 300
"""Characters of a note that clients show."""
_KEYS: Final = {
    "model": ("note",),
    "input": ("mean", "std", "size", "layout", "order", "alpha"),
    "output": ("index", "kind", "threshold", "unit", "shape", "layout"),
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
    input: InputWishes = field(default_factory=InputWishes)
    output: OutputWishes = field(default_factory=OutputWishes)
    threshold: float | None = None
    class_names: tuple[str, ...] | None = None
    names_may_exceed: bool = False
    palette: tuple[Color, ...] | None = None
    cpu_twin: Path | None = None
    note: str = ""


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
        input=InputWishes(
            size=_pair(sections["input"], "size", "[width, height] in pixels, each 2 to 8192"),
            layout=_choice(sections["input"], "layout", Layout),
            order=_choice(sections["input"], "order", ChannelOrder),
            alpha=_alpha(sections["input"]),
        ),
        output=OutputWishes(
            position=output.integer("index", at_least=0),
            kind=_choice(output, "kind", OutputKind),
            unit=output.number("unit", at_least=1e-9, at_most=1e9),
            shape=_pair(output, "shape", "[height, width] in pixels, each 2 to 8192"),
            layout=_choice(output, "layout", Layout),
        ),
        threshold=output.number("threshold", at_least=0, at_most=1),
        class_names=_class_names(classes),
        names_may_exceed=classes.has("file"),
        palette=_palette(classes),
        cpu_twin=sections["pair"].path("cpu"),
        note=_note(sections["model"]),
    )


def _note(section: TomlSection) -> str:
    expected = f"one line of at most {MAX_NOTE} characters"
    note = section.text("note", expected) or ""
    if len(note) > MAX_NOTE or not note.isprintable():
        raise section.fault("note", expected)
    return note


def _normalization(section: TomlSection) -> Normalization | None:
    expected = "one number, or one for each of 3 or 4 channels"
    mean, std = section.numbers("mean", expected), section.numbers("std", expected)
    if mean is None and std is None:
        return None
    if mean is None or std is None:
        raise section.fault("mean" if mean is None else "std", "given too, with the other")
    for key, numbers in (("mean", mean), ("std", std)):
        if len(numbers) not in {1, 3, 4}:
            raise section.fault(key, expected)
    try:
        return Normalization.of(mean, std)
    except ValueError as fault:
        raise section.fault("std", "greater than 0") from fault


def _choice(section: TomlSection, key: str, kind: type[Choice]) -> Choice | None:
    expected = f"one of {', '.join(kind)}"
    text = section.text(key, expected)
    if text is None:
        return None
    if text not in set(kind):
        raise section.fault(key, expected)
    return kind(text)


def _pair(section: TomlSection, key: str, expected: str) -> tuple[int, int] | None:
    match section.items(key, expected):
        case None:
            return None
        case [int(one), int(two)] if all(
            type(each) is int and 2 <= each <= MAX_SIDE for each in (one, two)
        ):
            return one, two
    raise section.fault(key, expected)


def _alpha(section: TomlSection) -> int | None:
    value = section.integer("alpha", at_least=0)
    if value is not None and value > 255:
        raise section.fault("alpha", "a whole number from 0 to 255")
    return value


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


def check_threshold(kind: OutputKind, sidecar: Sidecar) -> None:
    """Raise ConfigError if a sidecar sets a threshold, or a unit, that the kind does not use."""
    if sidecar.threshold is not None and not kind.has_threshold:
        raise ConfigError(
            f"output.threshold is for probability, logit and multilabel, but the output is {kind}"
        )
    if sidecar.output.unit is not None and kind in _WITHOUT_UNIT:
        raise ConfigError(f"output.unit is for probabilities, but the output is {kind}")
