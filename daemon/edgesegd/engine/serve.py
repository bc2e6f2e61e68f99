"""Frame after frame, until the front is gone or the delegate failed."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

from edgesegd.engine.engine import Invoked, Prepared
from edgesegd.engine.pipeline import FRONT_GONE, FramePipeline, Step


def serve_in_turn(way: FramePipeline) -> None:
    """One frame is answered before the next is begun.

    Where every core has an engine of its own this is 4 % quicker: nobody takes a core from an
    invoke in the middle.
    """
    with suppress(*FRONT_GONE):
        for job in way.jobs():
            way.answer(way.invoke(way.prepare(job)))
            if way.failed:
                break
        wait_for_the_front(way)


def serve_overlapped(way: FramePipeline) -> None:
    """One thread decodes, this one invokes and another makes masks.

    So all that the CPU does for one frame hides behind an accelerator's work for another. The front
    gives no more than two at a time.
    """
    prepared: SimpleQueue[Step[Prepared] | None] = SimpleQueue()
    invoked: SimpleQueue[Step[Invoked] | None] = SimpleQueue()

    def prepare_all() -> None:
        for job in way.jobs():
            prepared.put(way.prepare(job))
        prepared.put(None)

    def answer_all() -> None:
        while (step := invoked.get()) is not None:
            way.answer(step)

    preparing, answering = start(prepare_all), start(answer_all)
    while not way.failed and (step := prepared.get()) is not None:
        invoked.put(way.invoke(step))
    invoked.put(None)
    answering.join()
    preparing.join()  # until the front hangs up, as below


def wait_for_the_front(way: FramePipeline) -> None:
    """Until it hangs up: a socket that is closed with orders unread takes back what it said."""
    for _ in way.jobs():
        pass


def start(part: Callable[[], None]) -> Thread:
    """A thread for one part of the way. If it fails the engine ends: half of one answers nobody."""

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
