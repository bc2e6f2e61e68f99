"""How frames are segmented and what is returned: the keyword arguments of every call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias, TypedDict, TypeVar

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.encode import PixelFormat
from edgeseg_client.errors import InvalidRequest
from edgeseg_client.info import ClassInfo, ServerInfo
from edgeseg_client.names import OUTPUTS, POLICIES, RESIZES, SIZES

Output: TypeAlias = Literal[
    "labels", "labels_png", "rle", "polygons", "statistics", "confidence", "confidence_map"
]
Resize: TypeAlias = Literal["stretch", "letterbox", "crop"]
Policy: TypeAlias = Literal["latest", "every"]
Size: TypeAlias = Literal["model", "frame"] | tuple[int, int]
"""The size of results: the model's, the frame's, or (width, height) in pixels."""

_Value = TypeVar("_Value")


class Options(TypedDict, total=False):
    """The options of a call; what is left out has the default written here."""

    outputs: Iterable[Output]
    """What to return; `("labels",)`."""
    size: Size
    """The size of masks, boxes, areas and maps; `"model"`."""
    resize: Resize
    """How a frame of another aspect ratio is fitted into the model's input; `"stretch"`."""
    classes: Sequence[int | str]
    """Ids or names of the classes wanted; all. Pixels of others are labelled 255."""
    model: str
    """The model, as in `info()`; the daemon's default."""
    max_age: float | None
    """Seconds from the capture after which a frame is not worth segmenting; no limit."""
    pixel_format: PixelFormat
    """The order of the channels of numpy arrays; `"rgb"`."""


def needs_info(options: Options) -> bool:
    """Whether `options_message` needs to know the daemon's classes."""
    return any(isinstance(wanted, str) for wanted in options.get("classes", ()))


def options_message(options: Options, info: ServerInfo | None = None) -> pb.SegmentationOptions:
    """The options as the contract has them.

    `info` is needed where classes are given by name. Raises `InvalidRequest` for a value that is
    not in the contract, and for a class that the model has not.
    """
    model = options.get("model", "")
    message = pb.SegmentationOptions(
        model=model,
        outputs=[_choose("output", one, OUTPUTS) for one in options.get("outputs", ())],
        size=_size_message(options.get("size", "model")),
        resize=_choose("resize", options.get("resize", "stretch"), RESIZES),
        max_age_ms=_milliseconds(options.get("max_age")),
    )
    wanted = options.get("classes", ())
    known = info.model(model).classes if info is not None and needs_info(options) else ()
    message.classes.extend(_class_id(one, known) for one in wanted)
    return message


def policy_value(policy: Policy) -> pb.QueuePolicy.ValueType:
    """The contract's policy; raises `InvalidRequest` where there is none of that name."""
    return _choose("policy", policy, POLICIES)


def _choose(what: str, name: str, table: dict[str, _Value]) -> _Value:
    if name not in table:
        raise InvalidRequest(f"there is no {what} {name!r}; there are: {', '.join(table)}")
    return table[name]


def _size_message(size: Size) -> pb.OutputSize:
    if isinstance(size, str):
        return pb.OutputSize(mode=_choose("size", size, SIZES))
    width, height = size
    if width < 1 or height < 1:
        raise InvalidRequest(f"a size of {width}x{height} pixels is empty")
    return pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_CUSTOM, width=width, height=height)


def _milliseconds(seconds: float | None) -> int:
    """Whole milliseconds, at least 1: in the contract 0 is no limit."""
    if seconds is None:
        return 0
    if seconds <= 0:
        raise InvalidRequest(f"a largest age of {seconds} s would expire every frame")
    return max(1, round(seconds * 1000))


def _class_id(wanted: int | str, known: Sequence[ClassInfo]) -> int:
    if not isinstance(wanted, str):
        return wanted
    for one in known:
        if one.name.casefold() == wanted.casefold():
            return one.id
    names = ", ".join(one.name for one in known)
    raise InvalidRequest(f"the model has no class {wanted!r}; it has: {names}")
