"""A frame's way through an engine's process: order, decode, invoke, mask, answer."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeVar

from edgesegd.core.errors import EdgesegError, EngineUnfit, InternalFault
from edgesegd.core.result import FrameResult
from edgesegd.engine.engine import Engine, Invoked, Prepared
from edgesegd.engine.mapped_regions import MappedRegions
from edgesegd.ipc.arena import Arena
from edgesegd.ipc.messages import (
    ForgetRegion,
    FrameJob,
    Message,
    error_message,
    from_line,
    order_from,
    to_line,
    write_result,
)

FRONT_GONE = (BrokenPipeError, ConnectionResetError)
"""What reading its orders or answering raises when it hung up; then this process is to end."""

Before = TypeVar("Before")
After = TypeVar("After")
StageOutput = tuple[FrameJob, After | Message]
"""A frame with what a stage made of it, or with the error that it is answered with."""


def run_stage(
    stage: Callable[[FrameJob, Before], After], step: StageOutput[Before]
) -> StageOutput[After]:
    """What a stage makes of what the one before it gave; an error goes past it.

    One frame's fault costs neither another frame nor the engine: it is passed on as the answer.
    """
    job, value = step
    if isinstance(value, dict):
        return job, value
    try:
        return job, stage(job, value)
    except Exception as error:  # noqa: BLE001 # one frame's fault must not cost the engine
        return job, fault_message(error)


class FramePipeline:
    """The stages of a frame's way, in the order in which they are run.

    Each may have a thread of its own, but `invoke` is for the one that made the engine. Once an
    invoke failed, or showed that the delegate is wrong, `failed` is true: the interpreter may hold
    stale data, and the next engine starts fresh.
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
        """What the front orders, until it hangs up."""
        for line in self._orders:
            order = order_from(from_line(line))
            if isinstance(order, ForgetRegion):
                self._regions.forget(order.number)
            else:
                yield order, None

    def decode(self, job: FrameJob, _: None) -> Prepared:
        """The frame as the model sees it."""
        return self._engine.prepare(job, self._bytes_of(job))

    def invoke(self, job: FrameJob, frame: Prepared) -> Invoked:
        """What the model gives."""
        try:
            return self._engine.invoke(job, frame)
        except EngineUnfit:
            self.failed = True
            raise

    def make_mask(self, job: FrameJob, frame: Invoked) -> FrameResult:
        """What was asked for; the front ends an engine whose delegate it distrusts by this."""
        return self._engine.finish(job, frame)

    def write(self, job: FrameJob, result: FrameResult) -> Message:
        """The answer, whose masks are in the frame's slot."""
        return write_result(result, self._arena.slot(job.slot))

    def answer(self, step: StageOutput[Message]) -> None:
        """Tell the front."""
        reply(self._answers, step[1])

    def _bytes_of(self, job: FrameJob) -> memoryview:
        """Where the front put them, or the client itself."""
        if job.region is None:
            return self._arena.slot(job.slot)[: job.length]
        return self._regions.view(job.region, job.offset, job.length)


def fault_message(error: Exception) -> Message:
    """What the front is told of a frame's fault; of one that is the daemon's own, in the log."""
    if isinstance(error, EdgesegError):
        return error_message(error)
    traceback.print_exception(error)
    return error_message(InternalFault())


def reply(answers: BinaryIO, message: Message) -> None:
    """Send one message to the front."""
    answers.write(to_line(message))
    answers.flush()
