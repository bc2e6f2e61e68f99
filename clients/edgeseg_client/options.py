"""The options of a call: how frames are segmented and what is returned."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Sequence, Sized
from operator import index
from typing import Any, Final, Literal, TypeAlias, TypedDict, TypeVar, cast, get_args

import numpy as np

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.class_table import NO_CLASS, find_classes
from edgeseg_client.encode import PixelFormat
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.info import ClassInfo, ServerInfo
from edgeseg_client.names import OUTPUTS, POLICIES, PRIORITIES, RESIZES, REUSES, SIZES

Output: TypeAlias = Literal[
    "labels",
    "labels_png",
    "rle",
    "polygons",
    "statistics",
    "confidence",
    "confidence_map",
    "rle_compressed",
]
"""What can be asked for; `Result` and `Segment` say which of their fields need which.

`labels`: the class id of every pixel; a byte each, on the network too.
`labels_png`: the same as an indexed PNG in the colours of the classes, which takes fewer bytes.
`rle`: COCO's run lengths of every class found, as numbers.
`polygons`: the outlines of every class found.
`statistics`: the number of pixels and the box of every class found.
`confidence`: the mean score of every class found; needs a model whose output has scores.
`confidence_map`: the score of every pixel's label; needs a model whose output has scores.
`rle_compressed`: COCO's run lengths of every class found, as the string in COCO's files.
"""
Resize: TypeAlias = Literal["stretch", "letterbox", "crop"]
"""How a frame of another aspect ratio is fitted into the model's input.

`stretch`: the whole frame fills the whole input; its aspect ratio changes.
`letterbox`: the whole frame keeps its aspect ratio, and the rest of the input is padded. With
  `size="model"` the padding is labelled 255.
`crop`: the centre of the frame, as much as has the input's aspect ratio. With `size="frame"` the
  rest is labelled 255.
"""
Policy: TypeAlias = Literal["latest", "every"]
"""What happens if frames come faster than they are segmented.

`latest`: a newer frame supersedes a waiting one, so latency does not grow. For cameras.
`every`: no frame is dropped, the source is slowed down, and answers come in the order of the
  frames. For files.
"""
Priority: TypeAlias = Literal["low", "normal", "high"]
"""The share of the turns while several streams have frames waiting.

`low`: one turn for four of `normal`.
`normal`: as most streams have it.
`high`: four turns for each of `normal`.
"""
Reuse: TypeAlias = Literal["off", "identical", "unchanged"]
"""Whether a frame of a stream may get the result of an earlier one.

`off`: never.
`identical`: if both are the same bytes.
`unchanged`: also if no part of the picture differs by more than `reuse_threshold`.
"""
Size: TypeAlias = Literal["model", "frame"] | tuple[int, int] | str
"""The size of results. A width and a height are given as (640, 480) or "640x480", in pixels.

`model`: the size of the model's output.
`frame`: the size of the frame, after its EXIF orientation was applied.
"""

_Value = TypeVar("_Value")
_Method = TypeVar("_Method", bound=Callable[..., Any])

_SIZE_TEXT: Final = re.compile(r"(\d{1,10})[xX](\d{1,10})", re.ASCII)
_MAX_UINT32: Final = 2**32 - 1
_MAX_REUSE_THRESHOLD: Final = 64.0
"""Pixel values, by the contract."""
_MAX_REUSE_AGE: Final = 60.0
"""Seconds, by the contract."""


class Options(TypedDict, total=False):
    """The keyword arguments that say how frames are segmented and what is returned."""

    outputs: Iterable[Output]
    """What to return; see `Output`."""
    size: Size
    """The size of masks, boxes, areas, polygons and maps; see `Size`."""
    resize: Resize
    """How a frame of another aspect ratio is fitted into the model's input; see `Resize`."""
    classes: Iterable[int | str]
    """Ids or names of the classes wanted; empty for all. Pixels of others are labelled 255."""
    model: str
    """The name of the model, as in `info()`; empty for the daemon's default model."""
    max_age: float | None
    """The largest age of a frame since its capture, in seconds; None for no limit.

    A frame that is older when its turn comes is not segmented: `Expired`.
    """
    polygon_tolerance: float
    """How far polygons may be from the edges of the mask's pixels, in pixels; 0 for these edges."""
    polygon_min_area: int
    """Parts and holes of polygons with fewer pixels are left out."""
    pixel_format: PixelFormat
    """The order of the channels of numpy arrays; `bgr` for OpenCV's."""


DEFAULTS: Final[Options] = {
    "outputs": ("labels",),
    "size": "frame",
    "resize": "stretch",
    "classes": (),
    "model": "",
    "max_age": None,
    "polygon_tolerance": 0.7,
    "polygon_min_area": 0,
    "pixel_format": "rgb",
}
"""The value of each option that is not given."""


def covers_frame(options: Options) -> bool:
    """Whether masks are of the whole frame; `options` were checked before."""
    size = options.get("size", DEFAULTS["size"])
    return size != "model" or options.get("resize", DEFAULTS["resize"]) == "stretch"


def policy_for(frames: object) -> Policy:
    """The policy for frames that are given without one."""
    own = getattr(frames, "policy", None)  # that of a `Source`, which this module does not import
    if own in POLICIES:
        return cast(Policy, own)
    return "every" if isinstance(frames, Sized) else "latest"


def show_options(method: _Method) -> _Method:
    """Lets `help()` and completion show each option of a method that takes `**options`."""
    signature = inspect.signature(method)
    plain = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Options.__annotations__[name].__forward_arg__,
        )
        for name, default in DEFAULTS.items()
    ]
    method.__signature__ = signature.replace(parameters=[*plain, *options])  # type: ignore[attr-defined]
    return method


def check_options(options: Options) -> Options:
    """Checks the options as far as that is possible without a daemon.

    Returns a copy with tuples in place of iterators, so that it can be read more than once. Raises
    `InvalidRequest` for an unknown option and for a value that is not valid.
    """
    for name in options:
        if name not in DEFAULTS:
            close = difflib.get_close_matches(name, DEFAULTS, n=1)
            guess = f"did you mean {close[0]!r}? " if close else ""
            raise InvalidRequest(
                f"there is no option {name!r}; {guess}There are: {', '.join(DEFAULTS)}"
            )
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
        size=_size_message(options.get("size", DEFAULTS["size"])),
        resize=_look_up("resize", options.get("resize", DEFAULTS["resize"]), RESIZES),
        max_age_ms=_milliseconds(options.get("max_age")),
        polygons=_polygons_message(options),
    )
    known = info.model(model).classes if info is not None and needs_info(options) else ()
    message.classes.extend(class_ids(options, known))
    return message


def class_ids(options: Options, known: Sequence[ClassInfo]) -> list[int]:
    """The ids of the classes that are wanted; names are looked up in `known`, a model's classes.

    Raises `InvalidRequest` for a name that is not there.
    """
    return [id_ for one in options.get("classes", ()) for id_ in find_classes(one, known)]


def stream_message(
    policy: Policy,
    priority: Priority,
    reuse: Reuse = "off",
    reuse_threshold: float | None = None,
    reuse_max_age: float | None = None,
) -> pb.StreamOptions:
    """The message for a stream; raises `InvalidRequest` for a value that is not valid."""
    message = pb.StreamOptions(
        policy=_look_up("policy", policy, POLICIES),
        priority=_look_up("priority", priority, PRIORITIES),
        reuse=_look_up("reuse", reuse, REUSES),
    )
    given = {"reuse_threshold": reuse_threshold, "reuse_max_age": reuse_max_age}
    if reuse != "unchanged" and (names := [name for name in given if given[name] is not None]):
        raise InvalidRequest(f"{names[0]} is only for reuse='unchanged', not {reuse!r}")
    if reuse_threshold is not None:
        message.reuse_threshold = _positive(
            "reuse_threshold", reuse_threshold, _MAX_REUSE_THRESHOLD, "pixel values"
        )
    if reuse_max_age is not None:
        seconds = _positive("reuse_max_age", reuse_max_age, _MAX_REUSE_AGE, "seconds")
        message.reuse_max_age_ms = max(1, int(seconds * 1000 + 0.5))
    return message


def _look_up(what: str, name: str, table: dict[str, _Value]) -> _Value:
    if not isinstance(name, str) or name not in table:
        raise InvalidRequest(f"there is no {what} {name!r}; there are: {', '.join(table)}")
    return table[name]


def _size_message(size: Size) -> pb.OutputSize:
    if isinstance(size, str) and size in SIZES and size != "custom":
        return pb.OutputSize(mode=SIZES[size])
    if isinstance(size, str) and (match := _SIZE_TEXT.fullmatch(size)):
        size = int(match[1]), int(match[2])
    if isinstance(size, str) or not isinstance(size, Sequence) or len(size) != 2:
        raise InvalidRequest(
            f"{size!r} is not a size; give 'frame', 'model', or a width and a height, such as"
            " (640, 480) or '640x480'"
        )
    return pb.OutputSize(
        mode=pb.OUTPUT_SIZE_MODE_CUSTOM,
        width=_check_integer("a width", size[0], 1, _MAX_UINT32),
        height=_check_integer("a height", size[1], 1, _MAX_UINT32),
    )


def _polygons_message(options: Options) -> pb.PolygonOptions | None:
    if not options.keys() & {"polygon_tolerance", "polygon_min_area"}:
        return None
    area = _check_integer("polygon_min_area", options.get("polygon_min_area", 0), 0, _MAX_UINT32)
    message = pb.PolygonOptions(min_area=area)
    if "polygon_tolerance" in options:
        tolerance = options["polygon_tolerance"]
        if not isinstance(tolerance, int | float | np.number) or not tolerance >= 0:
            raise InvalidRequest(
                f"polygon_tolerance is a number of pixels of at least 0, not {tolerance!r}"
            )
        message.tolerance = float(tolerance)
    return message


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


def _positive(what: str, given: float, maximum: float, unit: str) -> float:
    """`given` as a float; raises `InvalidRequest` if it is not above 0 and at most `maximum`."""
    if not isinstance(given, int | float | np.number) or not 0 < given <= maximum:
        raise InvalidRequest(f"{what} is more than 0 and at most {maximum:g} {unit}, not {given!r}")
    return float(given)


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
