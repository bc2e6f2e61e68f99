"""Converts messages of `edgeseg.v1` to the daemon's own types, and checks them."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.deadline import earlier
from edgesegd.api.wire import parser_of
from edgesegd.core.errors import (
    EdgesegError,
    InvalidFrame,
    InvalidOptions,
)
from edgesegd.core.frame import FrameLimits, check_pixels
from edgesegd.core.options import (
    MAX_TOLERANCE,
    NEEDS_SCORES,
    NO_CLASS,
    Output,
    PolygonOptions,
    ResizePolicy,
    ResultOptions,
    SizeMode,
    check_result_size,
)
from edgesegd.core.result import FrameResult
from edgesegd.models.names import MAX_NAME
from edgesegd.models.spec import ModelSpec
from edgesegd.serving.received_frame import FrameTag
from edgesegd.serving.registry import ModelRegistry
from edgesegd.serving.served_model import ServedModel

OUTPUTS = {
    pb.OUTPUT_LABELS: Output.LABELS,
    pb.OUTPUT_LABELS_PNG: Output.LABELS_PNG,
    pb.OUTPUT_RLE: Output.RLE,
    pb.OUTPUT_POLYGONS: Output.POLYGONS,
    pb.OUTPUT_STATISTICS: Output.STATISTICS,
    pb.OUTPUT_CONFIDENCE: Output.CONFIDENCE,
    pb.OUTPUT_CONFIDENCE_MAP: Output.CONFIDENCE_MAP,
    pb.OUTPUT_RLE_COMPRESSED: Output.RLE_COMPRESSED,
}
SIZES = {
    pb.OUTPUT_SIZE_MODE_MODEL: SizeMode.MODEL,
    pb.OUTPUT_SIZE_MODE_FRAME: SizeMode.FRAME,
    pb.OUTPUT_SIZE_MODE_CUSTOM: SizeMode.CUSTOM,
}
RESIZES = {
    pb.RESIZE_POLICY_UNSPECIFIED: ResizePolicy.STRETCH,
    pb.RESIZE_POLICY_STRETCH: ResizePolicy.STRETCH,
    pb.RESIZE_POLICY_LETTERBOX: ResizePolicy.LETTERBOX,
    pb.RESIZE_POLICY_CROP: ResizePolicy.CROP,
}


MAX_OUTPUTS, MAX_CLASSES = 64, 1024
"""Entries of a list, including repetitions: several times as many as there are different ones."""


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """How frames are segmented, by which model; `max_age` is in seconds, None for no limit.

    `classes` are the names of the wanted classes, in the version that served when the client sent
    their ids.
    """

    model: ServedModel
    result: ResultOptions
    max_age: float | None
    classes: tuple[str, ...] = ()


parse_stream_request = parser_of(pb.SegmentRequest, max_text=None)
"""A message of a stream; raises a ClientError if the bytes are not valid."""

parse_image_request = parser_of(pb.SegmentImageRequest, max_text=None)
"""The message of a single image; raises a ClientError if the bytes are not valid."""


def reject_renamed_classes(
    options: FrameOptions | None, outcome: FrameResult | EdgesegError
) -> FrameResult | EdgesegError:
    """The outcome, or InvalidOptions if its version has other names for the wanted class ids."""
    if options is None or not options.classes or isinstance(outcome, EdgesegError):
        return outcome
    made_by = outcome.model
    now = tuple(made_by.class_name(class_id) for class_id in options.result.classes)
    if now == options.classes:
        return outcome
    return InvalidOptions(
        f"version {made_by.version} of the model {made_by.name!r} serves now, and the classes that "
        f"were asked for by their ids, {', '.join(options.classes)}, are {', '.join(now)} there; "
        "ask again with its ids"
    )


def tag_frame(frame: pb.Frame) -> FrameTag:
    """The tag of a frame that is received now."""
    return FrameTag.now(frame.id, frame.captured_unix_ns, frame.age_us / 1e6)


def frame_deadline(
    frame: pb.Frame, received: float, options: FrameOptions, call_deadline: float | None
) -> float | None:
    """When a frame expires, on the clock of `received`; None for never.

    This is the earlier of the call's own deadline and the end of the frame's largest age.
    """
    if options.max_age is None:
        return call_deadline
    too_old = received - frame.age_us / 1e6 + options.max_age
    return earlier(too_old, call_deadline)


def parse_options(
    options: pb.SegmentationOptions, models: ModelRegistry, limits: FrameLimits
) -> FrameOptions:
    """Which of `models` a client asks for, and what results it wants.

    Raises UnknownModel or InvalidOptions.
    """
    check_lengths(options)
    served = models.find(options.model)
    model = served.spec
    outputs = _parse_outputs(options, model)
    size, width, height = _parse_size(options.size, limits)
    check_result_size(width, height, outputs, limits.size)
    if options.resize not in RESIZES:
        raise InvalidOptions(f"unknown resize policy {options.resize}")
    classes = _parse_classes(options, model)
    return FrameOptions(
        served,
        ResultOptions(
            outputs=outputs,
            size=size,
            width=width,
            height=height,
            resize=RESIZES[options.resize],
            classes=classes,
            polygons=_parse_polygons(options, outputs),
        ),
        max_age=options.max_age_ms / 1000 or None,
        classes=tuple(model.class_spec(class_id).name for class_id in classes),
    )


def check_lengths(options: pb.SegmentationOptions) -> None:
    """Raise InvalidOptions if there are too many entries, before they are read."""
    for name, found, maximum in (
        ("characters in the model's name", len(options.model), MAX_NAME),
        ("outputs", len(options.outputs), MAX_OUTPUTS),
        ("classes", len(options.classes), MAX_CLASSES),
    ):
        if found > maximum:
            raise InvalidOptions(f"there are {found:,} {name}; at most {maximum:,} are allowed")


def _parse_outputs(options: pb.SegmentationOptions, model: ModelSpec) -> frozenset[Output]:
    unknown = [output for output in options.outputs if output not in OUTPUTS]
    if unknown:
        raise InvalidOptions(f"unknown output {unknown[0]}")
    outputs = frozenset(OUTPUTS[output] for output in options.outputs) or {Output.LABELS}
    if not model.has_scores and (wanted := outputs & NEEDS_SCORES):
        raise InvalidOptions(
            f"{' and '.join(sorted(wanted))} cannot be computed: the model {model.name!r} outputs "
            "labels without scores"
        )
    return frozenset(outputs)


def _parse_polygons(options: pb.SegmentationOptions, outputs: frozenset[Output]) -> PolygonOptions:
    if not options.HasField("polygons"):
        return PolygonOptions()
    if Output.POLYGONS not in outputs:
        raise InvalidOptions(
            "there are options for polygons, but the output polygons is not asked for"
        )
    asked = options.polygons
    tolerance = asked.tolerance if asked.HasField("tolerance") else PolygonOptions().tolerance
    if not 0 <= tolerance <= MAX_TOLERANCE:
        raise InvalidOptions(
            f"a tolerance of {tolerance:g} pixels is not possible; give one from 0 to "
            f"{MAX_TOLERANCE:,.0f}"
        )
    return PolygonOptions(tolerance, asked.min_area)


def _parse_size(size: pb.OutputSize, limits: FrameLimits) -> tuple[SizeMode, int, int]:
    given = size.width > 0 or size.height > 0
    default = SizeMode.CUSTOM if given else SizeMode.MODEL
    if size.mode not in SIZES and size.mode != pb.OUTPUT_SIZE_MODE_UNSPECIFIED:
        raise InvalidOptions(f"unknown output size mode {size.mode}")
    mode = SIZES.get(size.mode, default)
    if mode is not SizeMode.CUSTOM:
        if given:
            raise InvalidOptions(
                f"the options contradict: size {mode.value} cannot have a width and a height; "
                "leave them out, or ask for size custom"
            )
        return mode, 0, 0
    try:
        check_pixels(size.width, size.height, limits.pixels)
    except InvalidFrame as error:
        raise InvalidOptions(f"the size asked for: {error}") from None
    return mode, size.width, size.height


def _parse_classes(options: pb.SegmentationOptions, model: ModelSpec) -> tuple[int, ...]:
    # A model that outputs labels may output more classes than there are names for.
    count = len(model.classes) if model.has_scores else NO_CLASS
    for class_id in options.classes:
        if class_id >= count:
            raise InvalidOptions(
                f"class {class_id} is unknown: the model {model.name!r} has 0 to {count - 1}"
            )
    return tuple(sorted(set(options.classes)))
