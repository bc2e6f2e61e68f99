"""Lines of an engine that is not sound any more, as the front reads them.

An engine decodes the pictures of clients, so the front must not trust what it says after that.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from random import Random

from edgesegd.api.v1.responses import answer_result, timing_until_now
from edgesegd.core import errors
from edgesegd.core.errors import EdgesegError
from edgesegd.core.options import Output
from edgesegd.core.result import FrameResult, Outlines, SegmentResult, Stage
from edgesegd.core.reuse import Reused, ReuseMode
from edgesegd.ipc.checks import CHECKS, read_checks
from edgesegd.ipc.messages import (
    MAX_LINE,
    EngineReady,
    Message,
    WarmedUp,
    error_message,
    from_line,
    to_line,
)
from edgesegd.ipc.results import CPU, read_cpu_seconds, read_result, write_result
from edgesegd.serving.received_frame import FrameTag
from fuzzing.changes import change_bytes
from fuzzing.target import Fault
from support.mutations import mutate_value

SLOT_BYTES = 1 << 16
LARGEST_ANSWER = 4 * SLOT_BYTES
"""Bytes that may become of a slot: run lengths and points are numbers of up to five bytes."""
NUMBER = re.compile(rb"\d+")
SENT_WITH_SLOT = ("result", "error")


class Messages:
    """Changed answers of an engine, from the line to what a client would get."""

    name = "messages"
    at_a_time = 1

    def __init__(self) -> None:
        self.material = b""
        self._slot = memoryview(bytearray(range(256)) * (SLOT_BYTES // 256))
        self._lines = [
            *(("result", _answer_line(write_result(each, self._slot))) for each in _results()),
            ("error", _answer_line(error_message(errors.InvalidFrame("no picture")))),
            ("error", _answer_line(error_message(errors.OutputNotFinite("NaN")))),
            ("ready", to_line(EngineReady("litert", "cpu", 0, 12, 4, sandbox="cpu").to_message())),
            ("warm", to_line(WarmedUp(0.01).to_message())),
        ]

    def try_case(self, dice: Random) -> str:
        """Read one changed line."""
        kind, line = dice.choice(self._lines)
        self.material = self._change(line.rstrip(), dice)
        if len(self.material) > MAX_LINE or b"\n" in self.material:
            return "hung up"
        try:
            message = from_line(self.material)
        except ValueError:  # the front hangs up
            return "hung up"
        if kind in SENT_WITH_SLOT:
            return self._answer(message)
        try:
            EngineReady.from_message(message) if kind == "ready" else WarmedUp.from_message(message)
        except (EdgesegError, LookupError, TypeError):  # the start has failed
            return "not started"
        return kind

    def _change(self, line: bytes, dice: Random) -> bytes:
        """By its bytes, or by its values."""
        if dice.random() < 0.01:
            return b"[" * dice.choice((10, 100_000)) + line
        if dice.random() < 0.2:
            return change_bytes(line, dice)
        if dice.random() < 0.4:
            return _other_numbers(line, dice)
        for _ in range(dice.choice((1, 1, 2, 5))):
            try:
                line = mutate_value(line, dice)
            except (ValueError, IndexError):  # nothing is left to change
                break
        return line

    def _answer(self, message: Message) -> str:
        """What a client would get."""
        tag = FrameTag.now(1, 2)
        try:
            read_cpu_seconds(message)
            read_checks(message)
            result = read_result(message, self._slot)
        except EdgesegError:
            return "error"
        except (ValueError, LookupError, TypeError):  # the front answers INTERNAL
            return "not valid"
        if result.size > SLOT_BYTES:
            raise Fault(f"{result.size:,} bytes were read from a slot of {SLOT_BYTES:,}")
        answer = answer_result(tag, result, timing_until_now(tag, result.seconds))
        if len(answer.SerializeToString()) > LARGEST_ANSWER:
            raise Fault(f"an answer has {answer.ByteSize():,} bytes")
        return "answered"

    def faults_at_the_end(self) -> Iterator[str]:
        """There is nothing to give back."""
        return iter(())

    def close(self) -> None:
        """There is nothing to end."""


def _answer_line(message: Message) -> bytes:
    """The line of an answer to a frame."""
    return to_line({**message, CPU: 0.5, CHECKS: [[0.5, False], [1.0, True]]})


def _other_numbers(line: bytes, dice: Random) -> bytes:
    """Other numbers in the place of one to three of those in a line."""
    for _ in range(dice.choice((1, 2, 3))):
        found = dice.choice(list(NUMBER.finditer(line)) or [None])
        if found is not None:
            number = str(dice.choice((0, 1, 2, 8, 99, 255, dice.randrange(1 << 17)))).encode()
            line = line[: found.start()] + number + line[found.end() :]
    return line


def _results() -> Iterator[FrameResult]:
    """Results with everything that they can have."""
    numbers = array("I", range(10)).tobytes()
    outlines = Outlines(
        array("f", range(12)).tobytes(), array("I", [3, 3]).tobytes(), bytes((0, 1))
    )
    segments = (
        SegmentResult(0, 100, (0, 0, 10, 10), 0.5, numbers, b"0123", outlines),
        SegmentResult(1),
    )
    seconds = dict.fromkeys(Stage, 0.001)
    planes = {Output.LABELS: bytes(100), Output.CONFIDENCE_MAP: bytes(100)}
    yield FrameResult(10, 10, (20, 20), planes, segments, seconds)
    yield FrameResult(
        10, 10, (20, 20), {Output.LABELS: bytes(100)}, reused=Reused(7, ReuseMode.IDENTICAL)
    )
