"""Frame after frame, until the front is gone or the delegate failed."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

from edgesegd.engine.engine import Invoked, Prepared
from edgesegd.engine.pipeline import FRONT_GONE, FramePipeline, StageOutput, run_stage


def serve_in_turn(pipeline: FramePipeline) -> None:
    """One frame is answered before the next is begun.

    Where every core has an engine of its own this is 4 % quicker: nobody takes a core from an
    invoke in the middle.
    """
    with suppress(*FRONT_GONE):
        for job in pipeline.jobs():
            prepared = run_stage(pipeline.decode, job)
            invoked = run_stage(pipeline.invoke, prepared)
            result = run_stage(pipeline.make_mask, invoked)
            pipeline.answer(run_stage(pipeline.write, result))
            if pipeline.failed:
                break
        wait_for_the_front(pipeline)


def serve_overlapped(pipeline: FramePipeline) -> None:
    """One thread decodes, this one invokes and another makes masks.

    So all that the CPU does for one frame hides behind an accelerator's work for another. The front
    gives no more than two at a time.
    """
    prepared: SimpleQueue[StageOutput[Prepared] | None] = SimpleQueue()
    invoked: SimpleQueue[StageOutput[Invoked] | None] = SimpleQueue()

    def prepare_all() -> None:
        for job in pipeline.jobs():
            prepared.put(run_stage(pipeline.decode, job))
        prepared.put(None)

    def answer_all() -> None:
        while (step := invoked.get()) is not None:
            result = run_stage(pipeline.make_mask, step)
            pipeline.answer(run_stage(pipeline.write, result))

    preparing, answering = start(prepare_all), start(answer_all)
    while not pipeline.failed and (step := prepared.get()) is not None:
        invoked.put(run_stage(pipeline.invoke, step))
    invoked.put(None)
    answering.join()
    preparing.join()  # until the front hangs up, as below


def wait_for_the_front(pipeline: FramePipeline) -> None:
    """Until it hangs up: a socket that is closed with orders unread takes back what it said."""
    for _ in pipeline.jobs():
        pass


def start(part: Callable[[], None]) -> Thread:
    """A thread for a part of the pipeline. If it fails the engine ends: half of it is of no use."""

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
