"""The stages of a frame in an engine's process: order, decode, invoke, mask, answer."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, TypeVar

from edgesegd.core.errors import EdgesegError, EngineUnfit, InternalFault
from edgesegd.core.result import FrameResult
from edgesegd.engine.engine import Engine
from edgesegd.engine.frames import InvokedFrame, PreparedFrame, ReusedFrame
from edgesegd.engine.mapped_regions import MappedRegions
from edgesegd.ipc.arena import Arena
from edgesegd.ipc.messages import (
    ForgetRegion,
    ForgetStream,
    FrameJob,
    Message,
    error_message,
    from_line,
    order_from,
    to_line,
    write_result,
)

FRONT_GONE = (BrokenPipeError, ConnectionResetError)
"""Errors of reading orders or writing answers when the front has hung up; this process ends then.
"""

Before = TypeVar("Before")
After = TypeVar("After")
StageOutput = tuple[FrameJob, After | Message]
"""A frame with the value that a stage returned, or with the error message that is its answer."""


def run_stage(
    stage: Callable[[FrameJob, Before], After],
    step: StageOutput[Any],  # of Before, which mypy cannot infer where that is a union itself
) -> StageOutput[After]:
    """Run a stage on the output of the one before; an error message is passed on unchanged.

    If the stage fails, its output is an error message. So a fault of one frame does not affect
    other frames or the engine.
    """
    job, value = step
    if isinstance(value, dict):
        return job, value
    try:
        return job, stage(job, value)
    except Exception as error:  # noqa: BLE001 # one frame's fault must not cost the engine
        return job, fault_message(error)


class FramePipeline:
    """The stages of a frame, in the order in which they are run.

    Each may run in its own thread, but `invoke` must run in the thread that created the engine.
    `failed` is true once an invoke has failed or shown that the delegate is wrong: the interpreter
    may hold stale data then, and a new engine must replace this one.
    """

    def __init__(
        self,
        engine: Engine,
        arena: Arena,
        regions: MappedRegions,
        orders: BinaryIO,
        answers: BinaryIO,
    ) -> None:
        self._engine = engine
        self._arena = arena
        self._regions = regions
        self._orders = orders
        self._answers = answers
        self.failed = False

    def jobs(self) -> Iterator[StageOutput[None]]:
        """The frames that the front orders, until it hangs up."""
        for line in self._orders:
            order = order_from(from_line(line))
            if isinstance(order, ForgetRegion):
                self._regions.forget(order.number)
            elif isinstance(order, ForgetStream):
                self._engine.forget_stream(order.number)
            else:
                yield order, None

    def decode(self, job: FrameJob, _: None) -> PreparedFrame | ReusedFrame:
        """Decode and preprocess the frame."""
        return self._engine.prepare(job, self._bytes_of(job))

    def invoke(
        self, job: FrameJob, frame: PreparedFrame | ReusedFrame
    ) -> InvokedFrame | ReusedFrame:
        """Run the model."""
        try:
            return self._engine.invoke(job, frame)
        except EngineUnfit:
            self.failed = True
            raise

    def make_mask(self, job: FrameJob, frame: InvokedFrame | ReusedFrame) -> FrameResult:
        """Make the result; if the delegate is found to be wrong, the front ends this engine."""
        return self._engine.finish(job, frame)

    def write(self, job: FrameJob, result: FrameResult) -> Message:
        """Write the masks into the frame's slot; returns the answer."""
        return write_result(result, self._arena.slot(job.slot))

    def answer(self, step: StageOutput[Message]) -> None:
        """Send the answer to the front."""
        reply(self._answers, step[1])

    def _bytes_of(self, job: FrameJob) -> memoryview:
        """The frame's bytes, from its slot or from a client's region."""
        if job.region is None:
            return self._arena.slot(job.slot)[: job.length]
        return self._regions.view(job.region, job.offset, job.length)


def fault_message(error: Exception) -> Message:
    """The answer to a frame that failed; a fault of the daemon itself is logged."""
    if isinstance(error, EdgesegError):
        return error_message(error)
    traceback.print_exception(error)
    return error_message(InternalFault())


def reply(answers: BinaryIO, message: Message) -> None:
    """Send one message to the front."""
    answers.write(to_line(message))
    answers.flush()
