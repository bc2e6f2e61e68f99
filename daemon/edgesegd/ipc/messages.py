"""Messages between the front and an engine: one JSON object per line.

Pixels and results are passed in a slot of the `Arena`; a message describes what is in the slot.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from itertools import starmap
from typing import Any

from edgesegd.core import errors
from edgesegd.core.errors import EdgesegError, InternalFault, InvalidFrame, InvalidReason
from edgesegd.core.frame import FrameFormat, FrameSpec, Plane, YuvMatrix, YuvRange
from edgesegd.core.options import Output, PolygonOptions, ResizePolicy, ResultOptions, SizeMode
from edgesegd.core.reuse import ReuseMode, ReuseStream, StreamFrame
from edgesegd.delegates.spec import DelegateSpec

Message = dict[str, Any]
MAX_ERROR = 2000
"""Characters of an error's text that are read; it goes into a header of gRPC, which has 8 KiB."""
MAX_LINE = 1 << 20
"""Bytes of a line; a message has at most 255 classes, and is far smaller."""


def to_line(message: Message) -> bytes:
    """The line for a message."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> Message:
    """The message of a line; raises ValueError if it is none."""
    try:
        message = json.loads(line)
    except RecursionError:
        raise ValueError("the line is nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("the line is no JSON object")  # noqa: TRY004 # as for what is no JSON
    return message


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """The first message to an engine: what it should load, and how.

    `model` is the spec of the model to run. `model_file` is the front's descriptor of its open
    file, which was sent with the arena; None for the file at its path. `threads` 0 lets the engine
    choose. A picture may take `decode_seconds` to decode. `runtime` is "auto" or the name of a
    package. The result of every `check_every`th frame of a delegate is compared with the CPU's
    result for the model `reference`; 0 or None for no checks. With `overlap`, one frame is decoded
    while another is invoked. For streams that reuse results it may keep `reuse_bytes` of frames and
    results. `sandbox` is the option of that name; `private` are files and folders that it must
    not be able to read.
    """

    model: Message
    runtime: str
    delegate: DelegateSpec
    threads: int
    max_pixels: int
    decode_seconds: float
    slots: int
    slot_size: int
    model_file: int | None = None
    reference: Message | None = None
    reference_file: int | None = None
    check_every: int = 0
    overlap: bool = True
    reuse_bytes: int = 0
    sandbox: str = "auto"
    private: tuple[str, ...] = ()

    def to_message(self) -> Message:
        """The message for this."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: Message) -> EngineSetup:
        """Read a message."""
        delegate = DelegateSpec.from_message(message["delegate"])
        private = tuple(message["private"])
        return cls(**{**message, "delegate": delegate, "private": private})


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The first message of an engine: what it loaded.

    The delegate runs `delegated` of the model's `operators`; both are 0 on the CPU. `adapter` is
    the GPU that runs the model, if one does. `fallback` is why the CPU runs without XNNPACK, "" if
    it does not. `sandbox` says which sandbox it is in, `not_sandboxed` which parts of it are
    missing and why. `invoke_seconds` is how long a warm invoke takes; the front adds it after the
    engine's warm-up.
    """

    runtime: str
    delegate: str
    delegated: int
    operators: int
    threads: int
    invoke_seconds: float = 0.0
    adapter: str = ""
    fallback: str = ""
    sandbox: str = ""
    not_sandboxed: tuple[str, ...] = ()

    def to_message(self) -> Message:
        """The message for this."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: Message) -> EngineReady:
        """Read a message; raises the error because of which the model was not loaded.

        Raises LookupError or TypeError for what no engine of this version sends.
        """
        if "error" in message:
            raise error_from(message)
        ready = cls(**{**message, "not_sandboxed": tuple(message["not_sandboxed"])})
        texts = (ready.runtime, ready.delegate, ready.adapter, ready.fallback, ready.sandbox)
        numbers = (ready.delegated, ready.operators, ready.threads)
        if not (
            all(isinstance(text, str) for text in (*texts, *ready.not_sandboxed))
            and all(type(number) is int for number in numbers)
        ):
            raise TypeError("the values are of other types")
        return ready


WARM_UPS = 2
"""How many warm-ups a new engine does, one after another. The first invoke prepares what later ones
reuse; the last takes as long as a frame's will. Each has its own timeout, so that a slow board does
not fail."""
WARM_UP: Message = {"warm_up": True}
"""An order to run the model once on an input of zeros."""


@dataclass(frozen=True, slots=True)
class WarmedUp:
    """The answer to WARM_UP: how many seconds the invoke took."""

    seconds: float

    def to_message(self) -> Message:
        """The message for this."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: Message) -> WarmedUp:
        """Read a message; raises the error with which the invoke failed.

        Raises LookupError or TypeError for what no engine of this version sends.
        """
        if "error" in message:
            raise error_from(message)
        warmed = cls(**message)
        if not (isinstance(warmed.seconds, float) and 0 <= warmed.seconds < math.inf):
            raise TypeError("the seconds are no time")
        return warmed


@dataclass(frozen=True, slots=True)
class FrameJob:
    """An order to segment a frame and to write its result into a slot.

    The frame's `length` bytes are in the slot, or in a client's region, from `offset` on.
    `deadline` is a time of `time.monotonic`, which is the same in all processes of a machine. With
    `in_stream`, the result of an earlier frame of the stream may be reused.
    """

    slot: int
    length: int
    deadline: float | None
    frame: FrameSpec
    options: ResultOptions
    region: int | None = None
    offset: int = 0
    in_stream: StreamFrame | None = None

    def to_message(self) -> Message:
        """The message for this."""
        frame, options = self.frame, self.options
        message: Message = {
            "slot": self.slot,
            "region": self.region,
            "offset": self.offset,
            "length": self.length,
            "deadline": self.deadline,
            "frame": [
                *(frame.format, frame.width, frame.height, frame.stride),
                *(frame.planes, frame.yuv_range, frame.yuv_matrix),
            ],
            "outputs": sorted(options.outputs),
            "size": [options.size, options.width, options.height],
            "resize": options.resize,
            "classes": options.classes,
            "polygons": [options.polygons.tolerance, options.polygons.min_area],
        }
        if (own := self.in_stream) is not None:
            stream = own.stream
            message["stream"] = [stream.number, stream.mode, stream.threshold, stream.max_age]
            message["in_stream"] = [own.frame_id, own.place]
        return message

    @classmethod
    def from_message(cls, message: Message) -> FrameJob:
        """Read a message."""
        frame_format, frame_width, frame_height, stride, planes, *yuv = message["frame"]
        size, width, height = message["size"]
        return cls(
            slot=message["slot"],
            region=message["region"],
            offset=message["offset"],
            length=message["length"],
            deadline=message["deadline"],
            frame=FrameSpec(
                FrameFormat(frame_format),
                frame_width,
                frame_height,
                stride,
                tuple(starmap(Plane, planes)),
                YuvRange(yuv[0]),
                YuvMatrix(yuv[1]),
            ),
            options=ResultOptions(
                outputs=frozenset(map(Output, message["outputs"])),
                size=SizeMode(size),
                width=width,
                height=height,
                resize=ResizePolicy(message["resize"]),
                classes=tuple(message["classes"]),
                polygons=PolygonOptions(*message["polygons"]),
            ),
            in_stream=_stream_frame(message) if "stream" in message else None,
        )


def _stream_frame(message: Message) -> StreamFrame:
    number, mode, *limits = message["stream"]
    return StreamFrame(ReuseStream(number, ReuseMode(mode), *limits), *message["in_stream"])


@dataclass(frozen=True, slots=True)
class ForgetRegion:
    """No more frames will be in the region of this `number`; the engine does not answer."""

    number: int

    def to_message(self) -> Message:
        """The message for this."""
        return {"forget": self.number}


@dataclass(frozen=True, slots=True)
class ForgetStream:
    """No more frames of the stream of this `number` will come; the engine does not answer."""

    number: int

    def to_message(self) -> Message:
        """The message for this."""
        return {"forget_stream": self.number}


def order_from(message: Message) -> FrameJob | ForgetRegion | ForgetStream:
    """The front's order to an engine that is ready."""
    if "forget" in message:
        return ForgetRegion(message["forget"])
    if "forget_stream" in message:
        return ForgetStream(message["forget_stream"])
    return FrameJob.from_message(message)


SENT_ERRORS: dict[str, type[EdgesegError]] = {
    kind.__name__: kind
    for kind in (
        errors.InvalidFrame,
        errors.InvalidOptions,
        errors.Expired,
        errors.InternalFault,
        errors.InvokeFailed,
        errors.CheckFailed,
        errors.EngineDistrusted,
        errors.OutputNotFinite,
        errors.OutputConstant,
        errors.ConfigError,
        errors.ModelMissing,
        errors.ModelInvalid,
        errors.ModelUnsupported,
        errors.RuntimeMissing,
        errors.DelegateMissing,
        errors.DelegateFailed,
        errors.SandboxMissing,
    )
}
"""The errors that an engine or a trial may send; any other is a fault of the daemon."""


def error_message(error: EdgesegError) -> Message:
    """The message for an error."""
    kind = type(error) if type(error).__name__ in SENT_ERRORS else InternalFault
    message = {"error": kind.__name__, "message": str(error)}
    return message | {"reason": error.reason} if isinstance(error, InvalidFrame) else message


def error_from(message: Message) -> EdgesegError:
    """The error in a message; raises LookupError or TypeError if it is none."""
    text = message["message"]
    if not isinstance(text, str):
        raise TypeError("the text of an error is no text")
    kind, text = SENT_ERRORS.get(message["error"], InternalFault), text[:MAX_ERROR]
    return InvalidFrame(text, _reason(message)) if kind is InvalidFrame else kind(text)


def _reason(message: Message) -> InvalidReason:
    """What is wrong with a frame; OTHER for what no engine of this version says."""
    try:
        return InvalidReason(message["reason"])
    except (KeyError, ValueError):
        return InvalidReason.OTHER
