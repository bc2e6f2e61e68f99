"""A frame's way through an engine's process: from the front's order to the answer."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import BinaryIO, TypeVar

from edgesegd.core.errors import EdgesegError, EngineUnfit, InternalFault
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

Staged = TypeVar("Staged", Prepared, Invoked)
StageOutput = tuple[FrameJob, Staged | Message]
"""A frame with what is done of it, or with what it is to be answered."""


class FramePipeline:
    """The parts of a frame's way, each of which takes what the one before it gave.

    One frame's fault costs neither another frame nor the engine: it is passed on as the answer.
    Only a failed invoke ends the engine; then `failed` is true. Each part may have a thread of its
    own, but `invoke` is for the one that made the engine.
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

    def jobs(self) -> Iterator[FrameJob]:
        """What the front orders, until it hangs up."""
        for line in self._orders:
            order = order_from(from_line(line))
            if isinstance(order, ForgetRegion):
                self._regions.forget(order.number)
            else:
                yield order

    def prepare(self, job: FrameJob) -> StageOutput[Prepared]:
        """Decode and resize."""
        try:
            return job, self._engine.prepare(job, self._bytes_of(job))
        except Exception as error:  # noqa: BLE001 # one frame's fault must not cost the engine
            return job, fault_message(error)

    def invoke(self, step: StageOutput[Prepared]) -> StageOutput[Invoked]:
        """Run the model."""
        job, frame = step
        if not isinstance(frame, Prepared):
            return job, frame
        try:
            return job, self._engine.invoke(job, frame)
        except EngineUnfit as error:
            # After a failed invoke the interpreter holds stale data, and a delegate that was wrong
            # once is not asked again: the next engine starts fresh.
            self.failed = True
            return job, error_message(error)
        except Exception as error:  # noqa: BLE001 # as above
            return job, fault_message(error)

    def answer(self, step: StageOutput[Invoked]) -> None:
        """Make the mask and tell the front."""
        job, frame = step
        if isinstance(frame, Invoked):
            try:
                result = self._engine.finish(job, frame)
                answer = write_result(result, self._arena.slot(job.slot))
            except Exception as error:  # noqa: BLE001 # as above; the front ends one it distrusts
                answer = fault_message(error)
        else:
            answer = frame
        reply(self._answers, answer)

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
