"""Messages between the front and an engine: one JSON object per line.

Pixels and results are passed in a slot of the `Arena`; a message describes what is in the slot.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import starmap
from typing import Any

from edgesegd.core import errors
from edgesegd.core.errors import EdgesegError, InternalFault, InvalidOptions
from edgesegd.core.frame import FrameFormat, FrameSpec, Plane, YuvMatrix, YuvRange
from edgesegd.core.model import NO_MODEL, ModelIdentity
from edgesegd.core.options import Output, PolygonOptions, ResizePolicy, ResultOptions, SizeMode
from edgesegd.core.result import FrameResult, Outlines, SegmentResult, Stage
from edgesegd.core.reuse import Reused, ReuseMode, ReuseStream, StreamFrame
from edgesegd.delegates.spec import DelegateSpec

Message = dict[str, Any]
CPU = "cpu"
"""The key of the processor time that the engine has used so far, in seconds, in answers to frames.
"""
MAX_LINE = 1 << 20
"""Bytes of a line; a message has at most 255 classes, and is far smaller."""


def to_line(message: Message) -> bytes:
    """The line for a message."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> Message:
    """The message of a line."""
    message: Message = json.loads(line)
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
        """Read a message; raises the error because of which the model was not loaded."""
        if "error" in message:
            raise error_from(message)
        return cls(**{**message, "not_sandboxed": tuple(message["not_sandboxed"])})


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
        """Read a message; raises the error with which the invoke failed."""
        if "error" in message:
            raise error_from(message)
        return cls(**message)


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


def write_result(result: FrameResult, slot: memoryview) -> Message:
    """Write the bytes of `result` into `slot`; returns a message with the rest.

    Raises InvalidOptions if the slot is too small for the result.
    """
    blobs = [*result.planes.values()]
    blobs += [blob for found in result.segments for blob in found.blobs if blob is not None]
    total = sum(map(len, blobs))
    if total > len(slot):
        raise InvalidOptions(
            f"the result has {total:,} bytes, more than the {len(slot):,} that are allowed; "
            "ask for a smaller size or fewer outputs"
        )
    end = 0
    for blob in blobs:
        slot[end : end + len(blob)] = blob
        end += len(blob)
    return {
        "size": [result.width, result.height],
        "frame": result.frame_size,
        "planes": {output: len(plane) for output, plane in result.planes.items()},
        "segments": [
            [s.class_id, s.area, s.box, s.mean_confidence, [_length(blob) for blob in s.blobs]]
            for s in result.segments
        ],
        "seconds": result.seconds,
        **({"reused": [result.reused.frame_id, result.reused.reason]} if result.reused else {}),
    }


def read_result(
    message: Message, slot: memoryview, *, delegate: str = "", model: ModelIdentity = NO_MODEL
) -> FrameResult:
    """The result that `write_result` wrote into `slot`, made by `delegate` with `model`.

    Raises the error if the message is one.
    """
    if "error" in message:
        raise error_from(message)
    end = 0

    def take(length: int) -> bytes:
        nonlocal end
        start, end = end, end + length
        return bytes(slot[start:end])

    planes = {Output(output): take(length) for output, length in message["planes"].items()}
    segments = []
    for class_id, area, box, confidence, sizes in message["segments"]:
        rle, compressed, points, lengths, holes = (
            None if size is None else take(size) for size in sizes
        )
        found = None if points is None else Outlines(points, lengths or b"", holes or b"")
        segments.append(
            SegmentResult(class_id, area, tuple(box), confidence, rle, compressed, found)
        )
    seconds = {Stage(stage): value for stage, value in message["seconds"].items()}
    width, height = message["size"]
    frame_size = tuple(message["frame"])
    reused = None
    if "reused" in message:
        frame_id, reason = message["reused"]
        reused = Reused(frame_id, ReuseMode(reason))
    return FrameResult(
        width, height, frame_size, planes, tuple(segments), seconds, delegate, model, reused
    )


def _length(blob: bytes | None) -> int | None:
    return None if blob is None else len(blob)


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
    return {"error": kind.__name__, "message": str(error)}


def error_from(message: Message) -> EdgesegError:
    """The error in a message."""
    return SENT_ERRORS.get(message["error"], InternalFault)(message["message"])
