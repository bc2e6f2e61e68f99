"""What the front and an engine say to each other: JSON, one object a line.

Pixels and results travel in a slot of the `Arena`; a message says what lies there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from edgesegd.core import errors
from edgesegd.core.errors import EdgesegError, InternalFault, InvalidOptions
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.model import NO_MODEL, ModelIdentity
from edgesegd.core.options import Output, ResizePolicy, ResultOptions, SizeMode
from edgesegd.core.result import FrameResult, SegmentResult, Stage
from edgesegd.delegates.spec import DelegateSpec

Message = dict[str, Any]
MAX_LINE = 1 << 20
"""Bytes; a message names at most 255 classes and stays far below."""


def to_line(message: Message) -> bytes:
    """A message as it goes over the socket."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> Message:
    """The message in one line."""
    message: Message = json.loads(line)
    return message


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """The first message to an engine: what it is to load, and how.

    `model` are the facts of what it runs, whose file is `model_file`, an open descriptor; None for
    the file that its path names. `threads` 0 leaves the number to the engine. A picture may take
    `decode_seconds` to decode. `runtime` is "auto" or the name of a package. Of a delegate's frames
    every `check_every`th is compared with what the CPU gives with the model `reference`; 0 or None
    for none. With
    `overlap` parts of several frames are done at a time.
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

    def to_message(self) -> Message:
        """As it goes over the socket."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: Message) -> EngineSetup:
        """As it came."""
        delegate = DelegateSpec.from_message(message["delegate"])
        return cls(**{**message, "delegate": delegate})


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The first message of an engine: what it loaded.

    `delegated` of the model's `operators` are run by the delegate; both are 0 on the CPU. `adapter`
    is the GPU that runs it, where one does. `invoke_seconds` is what a warm invoke takes: the front
    adds it, when it has let the engine warm up.
    """

    runtime: str
    delegate: str
    delegated: int
    operators: int
    threads: int
    invoke_seconds: float = 0.0
    adapter: str = ""

    def to_message(self) -> Message:
        """As it goes over the socket."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: Message) -> EngineReady:
        """As it came; raises the error that kept the engine from loading the model."""
        if "error" in message:
            raise error_from(message)
        return cls(**message)


WARM_UPS = 2
"""So many a new engine is asked for, one after another: the first invoke prepares what later ones
reuse, the last is what a frame's will take. Each has its own time, so that a slow board is only
slow."""
WARM_UP: Message = {"warm_up": True}
"""An order to run the model on nothing."""


@dataclass(frozen=True, slots=True)
class WarmedUp:
    """The answer to WARM_UP: how many seconds the invoke took."""

    seconds: float

    def to_message(self) -> Message:
        """As it goes over the socket."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: Message) -> WarmedUp:
        """As it came; raises the error that kept the engine from running the model."""
        if "error" in message:
            raise error_from(message)
        return cls(**message)


@dataclass(frozen=True, slots=True)
class FrameJob:
    """A frame to be segmented, whose result is to be put into a slot.

    Its `length` bytes lie in the slot, or in a region of a client's, from `offset` on. `deadline`
    is a time of `time.monotonic`, which all processes of a machine share.
    """

    slot: int
    length: int
    deadline: float | None
    frame: FrameSpec
    options: ResultOptions
    region: int | None = None
    offset: int = 0

    def to_message(self) -> Message:
        """As it goes over the socket."""
        frame, options = self.frame, self.options
        return {
            "slot": self.slot,
            "region": self.region,
            "offset": self.offset,
            "length": self.length,
            "deadline": self.deadline,
            "frame": [frame.format, frame.width, frame.height, frame.stride],
            "outputs": sorted(options.outputs),
            "size": [options.size, options.width, options.height],
            "resize": options.resize,
            "classes": options.classes,
        }

    @classmethod
    def from_message(cls, message: Message) -> FrameJob:
        """As it came."""
        frame_format, *frame = message["frame"]
        size, width, height = message["size"]
        return cls(
            slot=message["slot"],
            region=message["region"],
            offset=message["offset"],
            length=message["length"],
            deadline=message["deadline"],
            frame=FrameSpec(FrameFormat(frame_format), *frame),
            options=ResultOptions(
                outputs=frozenset(Output(output) for output in message["outputs"]),
                size=SizeMode(size),
                width=width,
                height=height,
                resize=ResizePolicy(message["resize"]),
                classes=tuple(message["classes"]),
            ),
        )


@dataclass(frozen=True, slots=True)
class ForgetRegion:
    """No frame will lie in the region of this `number` any more; there is no answer."""

    number: int

    def to_message(self) -> Message:
        """As it goes over the socket."""
        return {"forget": self.number}


def order_from(message: Message) -> FrameJob | ForgetRegion:
    """What the front asks of an engine that is ready."""
    if "forget" in message:
        return ForgetRegion(message["forget"])
    return FrameJob.from_message(message)


def write_result(result: FrameResult, slot: memoryview) -> Message:
    """Put the bytes of `result` into `slot` and the rest into a message.

    Raises InvalidOptions where the slot is too small for what was asked for.
    """
    blobs = [*result.planes.values(), *(s.rle for s in result.segments if s.rle is not None)]
    total = sum(map(len, blobs))
    if total > len(slot):
        raise InvalidOptions(
            f"the result has {total:,} bytes, more than the {len(slot):,} that are given here; "
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
            [s.class_id, s.area, s.box, s.mean_confidence, None if s.rle is None else len(s.rle)]
            for s in result.segments
        ],
        "seconds": result.seconds,
    }


def read_result(
    message: Message, slot: memoryview, *, delegate: str = "", model: ModelIdentity = NO_MODEL
) -> FrameResult:
    """The result that `write_result` left in `slot`, made by `delegate` with `model`.

    Raises the error that came instead.
    """
    if "error" in message:
        raise error_from(message)
    end = 0

    def take(length: int) -> bytes:
        nonlocal end
        start, end = end, end + length
        return bytes(slot[start:end])

    planes = {Output(output): take(length) for output, length in message["planes"].items()}
    segments = tuple(
        SegmentResult(class_id, area, tuple(box), confidence, None if rle is None else take(rle))
        for class_id, area, box, confidence, rle in message["segments"]
    )
    seconds = {Stage(stage): value for stage, value in message["seconds"].items()}
    width, height = message["size"]
    frame_size = tuple(message["frame"])
    return FrameResult(width, height, frame_size, planes, segments, seconds, delegate, model)


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
    )
}
"""All errors that an engine or a trial sends; any other is a fault of the daemon."""


def error_message(error: EdgesegError) -> Message:
    """An error as it goes over the socket."""
    kind = type(error) if type(error).__name__ in SENT_ERRORS else InternalFault
    return {"error": kind.__name__, "message": str(error)}


def error_from(message: Message) -> EdgesegError:
    """The error that came."""
    return SENT_ERRORS.get(message["error"], InternalFault)(message["message"])
