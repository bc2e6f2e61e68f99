"""The result of a frame, as an engine writes it into its slot and the front reads it.

An engine decodes pictures of clients, so the front trusts nothing that it says after that: whatever
is in a message, `read_result` returns a result that can be sent, or raises.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from edgesegd.core.errors import InvalidOptions
from edgesegd.core.model import NO_MODEL, ModelIdentity
from edgesegd.core.options import Output
from edgesegd.core.result import FrameResult, Outlines, SegmentResult, Stage
from edgesegd.core.reuse import Reused, ReuseMode
from edgesegd.ipc.messages import Message, error_from

CPU = "cpu"
"""The key of the processor time that the engine has used so far, in seconds, in answers to frames.
"""
MAX_CLASSES = 256
MAX_SECONDS = 1e6
NUMBER_BYTES = 4
POINT_BYTES = 8


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

    Raises the error if the message is one; ValueError, LookupError or TypeError for what no engine
    of this version sends.
    """
    if "error" in message:
        raise error_from(message)
    blobs = _Blobs(slot)
    lengths, seconds = _table(message["planes"]), _table(message["seconds"])
    planes = {Output(output): blobs.take(length) for output, length in lengths.items()}
    if len(message["segments"]) > MAX_CLASSES:
        raise ValueError("there are more segments than classes")
    width, height = _numbers(message["size"])
    frame_width, frame_height = _numbers(message["frame"])
    return FrameResult(
        width,
        height,
        (frame_width, frame_height),
        planes,
        tuple(_segment(each, blobs) for each in message["segments"]),
        {Stage(stage): _seconds(value) for stage, value in seconds.items()},
        delegate,
        model,
        _reused(*message["reused"]) if "reused" in message else None,
    )


def read_cpu_seconds(message: Message) -> float:
    """The processor time that the engine has used so far; raises as `read_result` does."""
    value = message[CPU]
    if not isinstance(value, float) or not 0 <= value < math.inf:
        raise ValueError("a processor time is not one")
    return value


class _Blobs:
    """The bytes in a slot, one blob after another."""

    def __init__(self, slot: memoryview) -> None:
        self._slot = slot
        self._end = 0

    def take(self, length: Any) -> bytes:  # noqa: ANN401 # it is checked here
        """The next `length` bytes."""
        start, self._end = self._end, self._end + _number(length, bits=32)
        if self._end > len(self._slot):
            raise ValueError("the result has more bytes than the slot")
        return bytes(self._slot[start : self._end])


def _segment(found: Any, blobs: _Blobs) -> SegmentResult:  # noqa: ANN401 # it is checked here
    class_id, area, box, confidence, lengths = found
    x, y, width, height = _numbers(box)
    if confidence is not None and not isinstance(confidence, float):
        raise TypeError("a confidence is no number")
    rle, compressed, points, counts, holes = (
        None if length is None else blobs.take(length) for length in lengths
    )
    if len(rle or b"") % NUMBER_BYTES or not (compressed or b"").isascii():
        raise ValueError("run lengths are damaged")
    return SegmentResult(
        _number(class_id, bits=32),
        _number(area, bits=64),
        (x, y, width, height),
        confidence,
        rle,
        compressed,
        None if points is None else _outlines(points, counts or b"", holes or b""),
    )


def _outlines(points: bytes, lengths: bytes, holes: bytes) -> Outlines:
    """Outlines whose parts fit together."""
    if len(lengths) != NUMBER_BYTES * len(holes):
        raise ValueError("there are not as many outlines as lengths")
    if len(points) != POINT_BYTES * sum(memoryview(lengths).cast("I")):
        raise ValueError("there are not as many points as the lengths say")
    return Outlines(points, lengths, holes)


def _reused(frame_id: Any, reason: Any) -> Reused:  # noqa: ANN401 # they are checked here
    return Reused(_number(frame_id, bits=64), ReuseMode(reason))


def _table(value: Any) -> dict[str, Any]:  # noqa: ANN401 # it is checked here
    if not isinstance(value, dict):
        raise TypeError("planes and seconds are tables")
    return value


def _numbers(values: Iterable[Any]) -> list[int]:
    return [_number(value, bits=32) for value in values]


def _number(value: Any, *, bits: int) -> int:  # noqa: ANN401 # it is checked here
    if type(value) is not int or not 0 <= value < 1 << bits:
        raise ValueError("a number is not a size")
    return value


def _seconds(value: Any) -> float:  # noqa: ANN401 # it is checked here
    if type(value) not in (int, float) or not 0 <= value < MAX_SECONDS:
        raise ValueError("a time is not one of a stage")
    return float(value)


def _length(blob: bytes | None) -> int | None:
    return None if blob is None else len(blob)
