"""The node's parameters, and the settings that they stand for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, get_args

from edgeseg_client import DEFAULT_ADDRESS, EdgesegClientError
from edgeseg_client.frame import YuvMatrix, YuvRange
from edgeseg_client.names import PRIORITIES
from edgeseg_client.options import Options, Priority, Resize, Size, check_options
from edgeseg_ros.capture_time import CaptureClock, CaptureTime
from edgeseg_ros.compressed import CompressedReader, CompressedRgb
from edgeseg_ros.encodings import FORMATS, ImageReader
from edgeseg_ros.errors import WrongParameter
from edgeseg_ros.topics import PRESETS, Topics

Value: TypeAlias = Any
"""Text, a number or a bool, as the default of the parameter is."""

OUTPUTS: Final = ("mask", "confidence", "colored", "overlay")


class Parameter(NamedTuple):
    """A parameter of the node; its type is that of the default."""

    name: str
    default: str | float | bool
    description: str


PARAMETERS: Final = (
    Parameter("server", DEFAULT_ADDRESS, "The daemon's address, HOST:PORT or unix:///PATH."),
    Parameter(
        "token_file",
        "",
        "A file with the daemon's token; empty: the variable EDGESEG_TOKEN. There is no parameter"
        " for the token itself, because every node can read parameters.",
    ),
    Parameter(
        "ca_file", "", "Use TLS, and trust the certificates in this PEM file; empty: no TLS."
    ),
    Parameter(
        "shared_memory",
        False,
        "Write images into memory that is shared with a daemon on this machine (unix:///PATH).",
    ),
    Parameter("preset", "edgeseg", f"The names of the topics: {' or '.join(PRESETS)}."),
    Parameter(
        "image_transport",
        "raw",
        "raw: sensor_msgs/Image. compressed: CompressedImage, jpeg or png.",
    ),
    Parameter("model", "", "The name of the model; empty: the daemon's default model."),
    Parameter(
        "outputs",
        "mask,colored,overlay",
        f"What is published, of {', '.join(OUTPUTS)}, with commas between. The mask always is;"
        " confidence needs a model with scores; colored and overlay are made only if someone"
        " listens.",
    ),
    Parameter("size", "frame", "The size of masks: frame (the image's), model, or 640x480."),
    Parameter(
        "classes", "", "Names or ids of the classes wanted, with commas between; empty: all."
    ),
    Parameter(
        "resize", "stretch", "How an image is fitted into the model: stretch, letterbox or crop."
    ),
    Parameter("max_age", 0.0, "Images that are older, in seconds, are not segmented; 0: no limit."),
    Parameter(
        "capture_time",
        "auto",
        "What the age counts from: stamp (the header's), receipt, or auto: the stamp, if it can be"
        " one of the wall clock.",
    ),
    Parameter("stale_after", 2.0, "After how many seconds without a mask /diagnostics is not OK."),
    Parameter(
        "priority", "normal", f"The stream's priority at the daemon: {', '.join(PRIORITIES)}."
    ),
    Parameter(
        "encoding",
        "",
        "What images of 8UC1, 8UC3, 8UC4 and 16UC1 are, such as bgr8; empty: refused.",
    ),
    Parameter(
        "compressed_rgb",
        "",
        "What files of the format 'compressed rgb8' are: right, or exchanged (red and blue); empty:"
        " refused.",
    ),
    Parameter("yuv_range", "limited", "The values of Y, U and V: limited or full."),
    Parameter("yuv_matrix", "bt601", "The colours that Y, U and V stand for: bt601 or bt709."),
)


@dataclass(frozen=True)
class Settings:
    """The settings of a node, all checked; `ca` is PEM, `stale_after` is in seconds."""

    server: str
    token: str | None
    ca: bytes | None
    shared_memory: bool
    topics: Topics
    compressed: bool
    outputs: frozenset[str]
    options: Options
    priority: Priority
    stale_after: float
    clock: CaptureClock
    images: ImageReader
    compressed_images: CompressedReader


def read_settings(given: Mapping[str, object]) -> Settings:
    """The settings that the values of `PARAMETERS` stand for; raises `WrongParameter`."""
    values = {each.name: _typed(each, given[each.name]) for each in PARAMETERS}
    outputs = _split(values["outputs"])
    if unknown := [one for one in outputs if one not in OUTPUTS]:
        raise WrongParameter(f"outputs has {unknown[0]!r}; it can have: {', '.join(OUTPUTS)}")
    if not 0 < values["stale_after"] < float("inf"):
        raise WrongParameter(f"stale_after is {values['stale_after']!r}; it is more than 0")
    return Settings(
        server=values["server"],
        token=_token(values["token_file"]),
        ca=_read_file("ca_file", values["ca_file"]) if values["ca_file"] else None,
        shared_memory=values["shared_memory"],
        topics=PRESETS[_choice(values, "preset", PRESETS)],
        compressed=_choice(values, "image_transport", ("raw", "compressed")) == "compressed",
        outputs=frozenset(outputs),
        options=_options(values, confidence="confidence" in outputs),
        priority=_choice(values, "priority", PRIORITIES),
        stale_after=values["stale_after"],
        clock=CaptureClock(_choice(values, "capture_time", get_args(CaptureTime))),
        images=ImageReader(
            _choice(values, "yuv_range", get_args(YuvRange)),
            _choice(values, "yuv_matrix", get_args(YuvMatrix)),
            _choice(values, "encoding", ("", *FORMATS)),
        ),
        compressed_images=CompressedReader(
            _choice(values, "compressed_rgb", get_args(CompressedRgb))
        ),
    )


def _typed(parameter: Parameter, value: object) -> Value:
    """The value with the type of the default.

    ROS reads values as YAML: 7 is a number, also where a name is meant, and 1 is not 1.0.
    """
    match parameter.default, value:
        case bool(), bool():
            return value
        case str(), str() | int() if not isinstance(value, bool):
            return str(value)
        case float(), int() | float() if not isinstance(value, bool):
            return float(value)
        case _:
            kind = {str: "text", float: "a number", bool: "true or false"}[type(parameter.default)]
            raise WrongParameter(f"{parameter.name} is {value!r}; it has to be {kind}")


def _choice(values: Mapping[str, Value], name: str, known: Iterable[str]) -> Value:
    value = values[name]
    if value not in known:
        raise WrongParameter(f"{name} is {value!r}; it can be: {', '.join(map(repr, known))}")
    return value


def _options(values: Mapping[str, Value], *, confidence: bool) -> Options:
    max_age = values["max_age"]
    if max_age < 0:
        raise WrongParameter(f"max_age is {max_age!r}; it is at least 0, and 0 means no limit")
    size, resize = _size(values["size"]), _choice(values, "resize", get_args(Resize))
    if size == "model" and resize != "stretch":
        raise WrongParameter(
            f"with resize {resize!r} masks of size 'model' do not cover the image, whose header"
            " they have; set size to 'frame'"
        )
    options = Options(
        outputs=("labels", "confidence_map") if confidence else ("labels",),
        size=size,
        resize=resize,
        classes=[int(one) if one.isdecimal() else one for one in _split(values["classes"])],
        model=values["model"],
        max_age=max_age or None,
    )
    try:
        return check_options(options)
    except EdgesegClientError as error:
        raise WrongParameter(str(error)) from error


def _size(text: str) -> Size:
    match text:
        case "model" | "frame":
            return text
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise WrongParameter(
            f"size is {text!r}; it can be: 'frame', 'model' or a size such as '640x480'"
        )
    return int(width), int(height)


def _token(file: str) -> str | None:
    if file:
        return _read_file("token_file", file).decode(errors="replace").strip()
    return os.environ.get("EDGESEG_TOKEN", "").strip() or None


def _read_file(name: str, file: str) -> bytes:
    try:
        return Path(file).expanduser().read_bytes()
    except OSError as error:
        raise WrongParameter(f"{name} cannot be read: {error}") from error


def _split(text: str) -> list[str]:
    return [one for one in (part.strip() for part in text.split(",")) if one]
