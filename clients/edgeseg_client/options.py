"""The options of a call: how frames are segmented and what is returned."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from operator import index
from typing import Any, Final, Literal, TypeAlias, TypedDict, TypeVar, get_args

import numpy as np

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.encode import PixelFormat
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.info import ClassInfo, ServerInfo
from edgeseg_client.names import OUTPUTS, POLICIES, PRIORITIES, RESIZES, SIZES
from edgeseg_client.result import NO_CLASS

Output: TypeAlias = Literal[
    "labels", "labels_png", "rle", "polygons", "statistics", "confidence", "confidence_map"
]
Resize: TypeAlias = Literal["stretch", "letterbox", "crop"]
Policy: TypeAlias = Literal["latest", "every"]
Priority: TypeAlias = Literal["low", "normal", "high"]
Size: TypeAlias = Literal["model", "frame"] | tuple[int, int]
"""The size of results: that of the model, of the frame, or (width, height) in pixels."""

_Value = TypeVar("_Value")

_MAX_UINT32: Final = 2**32 - 1


class Options(TypedDict, total=False):
    """The keyword arguments of a call; each docstring ends with the default."""

    outputs: Iterable[Output]
    """What to return; default `("labels",)`."""
    size: Size
    """The size of masks, boxes, areas and maps; default `"model"`."""
    resize: Resize
    """How a frame of another aspect ratio is fitted into the input; default `"stretch"`."""
    classes: Sequence[int | str]
    """Ids or names of the classes wanted; default all. Pixels of others are labelled 255."""
    model: str
    """The name of the model, as in `info()`; default the daemon's default model."""
    max_age: float | None
    """Largest age of a frame since its capture, in seconds; default no limit."""
    pixel_format: PixelFormat
    """The order of the channels of numpy arrays; default `"rgb"`."""


def check_options(options: Options) -> Options:
    """Checks the options as far as that is possible without a daemon.

    Returns a copy with tuples in place of iterators, so that it can be read more than once. Raises
    `InvalidRequest` for an unknown option and for a value that is not valid.
    """
    for name in options:
        if name not in Options.__annotations__:
            close = difflib.get_close_matches(name, Options.__annotations__, n=1)
            advice = f"did you mean {close[0]!r}?" if close else ", ".join(Options.__annotations__)
            raise InvalidRequest(f"there is no option {name!r}; {advice}")
    checked = options.copy()
    checked["outputs"] = _as_tuple("outputs", options.get("outputs", ()))
    checked["classes"] = _as_tuple("classes", options.get("classes", ()))
    if (pixel_format := options.get("pixel_format", "rgb")) not in get_args(PixelFormat):
        known = ", ".join(get_args(PixelFormat))
        raise InvalidRequest(f"there is no pixel_format {pixel_format!r}; there are: {known}")
    if not isinstance(model := options.get("model", ""), str):
        raise InvalidRequest(f"a model is given by its name, not as {model!r}")
    if not _is_utf8(model):
        raise InvalidRequest(f"{model!r} cannot be the name of a model: UTF-8 cannot encode it")
    for wanted in checked["classes"]:
        if not isinstance(wanted, str):
            _check_integer("a class", wanted, 0, NO_CLASS - 1)
    options_message({**checked, "classes": ()})
    return checked


def needs_info(options: Options) -> bool:
    """Whether `options_message` needs the daemon's classes; `options` were checked before."""
    return any(isinstance(wanted, str) for wanted in options.get("classes", ()))


def options_message(options: Options, info: ServerInfo | None = None) -> pb.SegmentationOptions:
    """The message for options that were checked before.

    `info` is needed if classes are given by name. Raises `InvalidRequest` for a value that
    `edgeseg.v1` does not have, and for a class that the model does not have.
    """
    model = options.get("model", "")
    message = pb.SegmentationOptions(
        model=model,
        outputs=[_look_up("output", one, OUTPUTS) for one in options.get("outputs", ())],
        size=_size_message(options.get("size", "model")),
        resize=_look_up("resize", options.get("resize", "stretch"), RESIZES),
        max_age_ms=_milliseconds(options.get("max_age")),
    )
    wanted = options.get("classes", ())
    known = info.model(model).classes if info is not None and needs_info(options) else ()
    message.classes.extend(_class_id(one, known) for one in wanted)
    return message


def stream_message(policy: Policy, priority: Priority) -> pb.StreamOptions:
    """The message for a stream; raises `InvalidRequest` for an unknown policy or priority."""
    return pb.StreamOptions(
        policy=_look_up("policy", policy, POLICIES),
        priority=_look_up("priority", priority, PRIORITIES),
    )


def _look_up(what: str, name: str, table: dict[str, _Value]) -> _Value:
    if not isinstance(name, str) or name not in table:
        raise InvalidRequest(f"there is no {what} {name!r}; there are: {', '.join(table)}")
    return table[name]


def _size_message(size: Size) -> pb.OutputSize:
    if isinstance(size, str):
        return pb.OutputSize(mode=_look_up("size", size, SIZES))
    if not isinstance(size, Sequence) or len(size) != 2:
        raise InvalidRequest(f"{size!r} is not a size; give 'model', 'frame' or (width, height)")
    return pb.OutputSize(
        mode=pb.OUTPUT_SIZE_MODE_CUSTOM,
        width=_check_integer("a width", size[0], 1, _MAX_UINT32),
        height=_check_integer("a height", size[1], 1, _MAX_UINT32),
    )


def _milliseconds(seconds: float | None) -> int:
    """Whole milliseconds, at least 1, because 0 means no limit in the message."""
    if seconds is None:
        return 0
    if not isinstance(seconds, int | float | np.number):
        raise InvalidRequest(f"max_age is a number of seconds, not {seconds!r}")
    if not 0 < seconds <= _MAX_UINT32 / 1000:
        raise InvalidRequest(
            f"max_age is more than 0 and at most {_MAX_UINT32 // 1000} seconds, not {seconds!r};"
            " leave it out for no limit"
        )
    return max(1, int(seconds * 1000 + 0.5))


def _as_tuple(name: str, given: Iterable[_Value]) -> tuple[_Value, ...]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidRequest(f"{name} is a list, not {given!r}; write {name}=[{given!r}]")
    return tuple(given)


def _check_integer(what: str, given: Any, lowest: int, highest: int) -> int:  # noqa: ANN401  # from the caller
    """`given` as an int; raises `InvalidRequest` if it is not a whole number in the range."""
    try:
        value = index(given)
    except TypeError:
        value = -1
    if not lowest <= value <= highest:
        raise InvalidRequest(f"{what} is a whole number from {lowest} to {highest}, not {given!r}")
    return value


def _is_utf8(given: str) -> bool:
    """Whether a protobuf string can hold it: a Python string may contain lone surrogates."""
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True


def _class_id(wanted: int | str, known: Sequence[ClassInfo]) -> int:
    if not isinstance(wanted, str):
        return index(wanted)
    for one in known:
        if one.name.casefold() == wanted.casefold():
            return one.id
    names = ", ".join(one.name for one in known)
    raise InvalidRequest(f"the model has no class {wanted!r}; it has: {names}")
