"""Messages between the front and an engine: one JSON object per line.

Pixels and results are passed in a slot of the `Arena`; a message describes what is in the slot.
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

    `model` is the spec of the model to run. `model_file` is the descriptor of its open file; None
    for the file at its path. `threads` 0 lets the engine choose. A picture may take
    `decode_seconds` to decode. `runtime` is "auto" or the name of a package. The result of every
    `check_every`th frame of a delegate is compared with the CPU's result for the model
    `reference`; 0 or None for no checks. With `overlap`, one frame is decoded while another is
    invoked.
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
        """The message for this."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: Message) -> EngineSetup:
        """Read a message."""
        delegate = DelegateSpec.from_message(message["delegate"])
        return cls(**{**message, "delegate": delegate})


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The first message of an engine: what it loaded.

    The delegate runs `delegated` of the model's `operators`; both are 0 on the CPU. `adapter` is
    the GPU that runs the model, if one does. `invoke_seconds` is how long a warm invoke takes; the
    front adds it after the engine's warm-up.
    """

    runtime: str
    delegate: str
    delegated: int
    operators: int
    threads: int
    invoke_seconds: float = 0.0
    adapter: str = ""

    def to_message(self) -> Message:
        """The message for this."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: Message) -> EngineReady:
        """Read a message; raises the error because of which the model was not loaded."""
        if "error" in message:
            raise error_from(message)
        return cls(**message)


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
    `deadline` is a time of `time.monotonic`, which is the same in all processes of a machine.
    """

    slot: int
    length: int
    deadline: float | None
    frame: FrameSpec
    options: ResultOptions
    region: int | None = None
    offset: int = 0

    def to_message(self) -> Message:
        """The message for this."""
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
        """Read a message."""
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
    """No more frames will be in the region of this `number`; the engine does not answer."""

    number: int

    def to_message(self) -> Message:
        """The message for this."""
        return {"forget": self.number}


def order_from(message: Message) -> FrameJob | ForgetRegion:
    """The front's order to an engine that is ready."""
    if "forget" in message:
        return ForgetRegion(message["forget"])
    return FrameJob.from_message(message)


def write_result(result: FrameResult, slot: memoryview) -> Message:
    """Write the bytes of `result` into `slot`; returns a message with the rest.

    Raises InvalidOptions if the slot is too small for the result.
    """
    blobs = [*result.planes.values(), *(s.rle for s in result.segments if s.rle is not None)]
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
            [s.class_id, s.area, s.box, s.mean_confidence, None if s.rle is None else len(s.rle)]
            for s in result.segments
        ],
        "seconds": result.seconds,
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
"""The errors that an engine or a trial may send; any other is a fault of the daemon."""


def error_message(error: EdgesegError) -> Message:
    """The message for an error."""
    kind = type(error) if type(error).__name__ in SENT_ERRORS else InternalFault
    return {"error": kind.__name__, "message": str(error)}


def error_from(message: Message) -> EdgesegError:
    """The error in a message."""
    return SENT_ERRORS.get(message["error"], InternalFault)(message["message"])
