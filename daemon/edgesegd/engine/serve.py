"""Serves frames until the front hangs up or the delegate fails."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

from edgesegd.engine.frames import InvokedFrame, PreparedFrame, ReusedFrame
from edgesegd.engine.front import FRONT_GONE, FrontConnection
from edgesegd.engine.pipeline import FramePipeline
from edgesegd.engine.stage import StageOutput, run_stage


def serve_in_turn(front: FrontConnection, pipeline: FramePipeline) -> None:
    """Answer each frame before the next is started.

    If every core has its own engine this is 4 % faster, because no other thread takes a core from a
    running invoke.
    """
    with suppress(*FRONT_GONE):
        for job in front.jobs(pipeline.forget):
            prepared = read_and_decode(pipeline, job)
            invoked = run_stage(pipeline.invoke, prepared)
            result = run_stage(pipeline.make_mask, invoked)
            _, answer = run_stage(pipeline.write_result, result)
            front.answer_frame(answer, pipeline.take_checks())
            del prepared, invoked, result  # a region in them may be unmapped
            if pipeline.failed:
                break
        wait_for_hang_up(front, pipeline)


def serve_overlapped(front: FrontConnection, pipeline: FramePipeline) -> None:
    """Decode in one thread, invoke in this one, and make masks in another.

    So the CPU works on one frame while an accelerator works on another. The front sends at most two
    frames at a time.
    """
    prepared: SimpleQueue[StageOutput[PreparedFrame | ReusedFrame] | None] = SimpleQueue()
    invoked: SimpleQueue[StageOutput[InvokedFrame | ReusedFrame] | None] = SimpleQueue()

    def decode_all() -> None:
        for job in front.jobs(pipeline.forget):
            prepared.put(read_and_decode(pipeline, job))
        prepared.put(None)

    def answer_all() -> None:
        while (frame := invoked.get()) is not None:
            result = run_stage(pipeline.make_mask, frame)
            _, answer = run_stage(pipeline.write_result, result)
            front.answer_frame(answer, pipeline.take_checks())
            del frame, result  # as above

    decoding, answering = start(decode_all), start(answer_all)
    while not pipeline.failed and (frame := prepared.get()) is not None:
        invoked.put(run_stage(pipeline.invoke, frame))
        del frame
    invoked.put(None)
    answering.join()
    decoding.join()  # until the front hangs up, as in `wait_for_hang_up`


def read_and_decode(
    pipeline: FramePipeline, job: StageOutput[None]
) -> StageOutput[PreparedFrame | ReusedFrame]:
    """The first two stages; afterwards only a frame that may be reused refers to the bytes."""
    return run_stage(pipeline.decode_frame, run_stage(pipeline.read_bytes, job))


def wait_for_hang_up(front: FrontConnection, pipeline: FramePipeline) -> None:
    """Wait until the front hangs up: closing a socket with unread orders would drop answers."""
    for _ in front.jobs(pipeline.forget):
        pass


def start(part: Callable[[], None]) -> Thread:
    """Start a thread for a part of the pipeline; if it fails, the process ends."""

    def run() -> None:
        try:
            part()
        except FRONT_GONE:
            pass
        except BaseException as error:  # noqa: BLE001 # whatever it is
            traceback.print_exception(error)
            os._exit(1)

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread
