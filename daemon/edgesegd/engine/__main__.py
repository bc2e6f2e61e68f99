"""The engine's process: `python -m edgesegd.engine SOCKET_FD DESCRIPTORS_FD ARENA_FD`.

The front starts it, and sends clients' regions over the second socket.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO, TypeVar

from edgesegd.core.arena import Arena
from edgesegd.core.errors import (
    EdgesegError,
    EngineDistrusted,
    EngineFailed,
    InternalFault,
    ModelInvalid,
)
from edgesegd.core.messages import (
    EngineSetup,
    ForgetRegion,
    FrameJob,
    Message,
    error_message,
    from_line,
    order_from,
    to_line,
    write_result,
)
from edgesegd.core.model.reading import read_model
from edgesegd.core.model.spec import ModelSpec
from edgesegd.engine.borrowed import BorrowedRegions
from edgesegd.engine.engine import Engine, Invoked, Prepared
from edgesegd.engine.orphan import die_with_parent
from edgesegd.engine.runtime import load_runtime

Done = TypeVar("Done", Prepared, Invoked)
Step = tuple[FrameJob, Done | Message] | None
"""A frame with what is done of it, or what it is to be answered with; None after the last."""


def main(socket_fd: int, descriptors_fd: int, arena_fd: int) -> None:
    """Load what the front asks for, then segment until the front closes the socket."""
    die_with_parent()
    # What Pillow warns of is the client's affair, and would hide what matters in the log.
    warnings.simplefilter("ignore")
    # A terminal sends Ctrl-C to the whole group; the front decides when its engines end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=socket_fd) as link, socket.socket(fileno=descriptors_fd) as front:
        orders, answers = link.makefile("rb"), link.makefile("wb")
        setup = EngineSetup.from_message(from_line(orders.readline()))
        arena = Arena(arena_fd, slots=setup.slots, slot_size=setup.slot_size)
        try:
            engine = load_engine(setup)
            ready = engine.warm_up().to_message()
        except EdgesegError as error:
            reply(answers, error_message(error))
            return
        reply(answers, ready)
        serve(engine, arena, BorrowedRegions(front), orders, answers)


def load_engine(setup: EngineSetup) -> Engine:
    """The engine that `setup` describes; raises a StartupError."""
    model = read_model(Path(setup.model_path), setup.model_name)
    if model.sha256 != setup.model_sha256:
        raise ModelInvalid(f"{model.path} was replaced while it was served; restart the daemon")
    runtime = load_runtime(setup.runtime)
    return Engine(
        model,
        runtime,
        setup.delegate,
        threads=setup.threads,
        max_pixels=setup.max_pixels,
        max_result=setup.slot_size,
        reference=read_reference(setup, model),
        check_every=setup.check_every,
    )


def read_reference(setup: EngineSetup, model: ModelSpec) -> ModelSpec | None:
    """The model that the CPU runs, to compare with; the same where it is not compiled for a TPU."""
    if setup.reference_path == setup.model_path:
        return model
    return read_model(Path(setup.reference_path)) if setup.reference_path else None


def serve(
    engine: Engine,
    arena: Arena,
    regions: BorrowedRegions,
    orders: BinaryIO,
    answers: BinaryIO,
) -> None:
    """Answer each job; end when the front is gone, or when the delegate failed.

    One thread decodes, this one invokes and another makes masks, so that all the CPU does for one
    frame hides behind an accelerator's work for another. The front gives no more than two at a
    time.
    """
    prepared: SimpleQueue[Step[Prepared]] = SimpleQueue()
    invoked: SimpleQueue[Step[Invoked]] = SimpleQueue()
    preparing = start(prepare_all, engine, arena, regions, orders, prepared)
    finishing = start(finish_all, engine, arena, invoked, answers)
    invoke_all(engine, prepared, invoked)
    finishing.join()
    # Until the front hangs up: a socket that is closed with orders unread takes back what it said.
    preparing.join()


def start(part: Callable[..., None], *args: object) -> Thread:
    """A thread for one part of the way. If it fails the engine ends: half of one answers nobody."""

    def run() -> None:
        try:
            part(*args)
        except BrokenPipeError:  # the front is gone, so this process is about to be
            pass
        except BaseException as error:  # noqa: BLE001 # whatever it is
            traceback.print_exception(error)
            os._exit(1)

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread


def prepare_all(
    engine: Engine,
    arena: Arena,
    regions: BorrowedRegions,
    orders: BinaryIO,
    prepared: SimpleQueue[Step[Prepared]],
) -> None:
    """Prepare frame after frame; of one that cannot be, pass on what to answer."""
    for line in orders:
        job = order_from(from_line(line))
        if isinstance(job, ForgetRegion):
            regions.forget(job.number)
            continue
        try:
            prepared.put((job, engine.prepare(job, frame_bytes(job, arena, regions))))
        except Exception as error:  # noqa: BLE001 # one frame's fault must not cost the engine
            prepared.put((job, fault_message(error)))
    prepared.put(None)


def invoke_all(
    engine: Engine, prepared: SimpleQueue[Step[Prepared]], invoked: SimpleQueue[Step[Invoked]]
) -> None:
    """Invoke frame after frame, until there are no more or the delegate failed."""
    while (step := prepared.get()) is not None:
        job, frame = step
        if not isinstance(frame, Prepared):
            invoked.put((job, frame))
            continue
        try:
            invoked.put((job, engine.invoke(job, frame)))
        except (EngineFailed, EngineDistrusted) as error:
            # After a failed invoke the interpreter holds stale data, and a delegate that was wrong
            # once is not asked again: the next engine starts fresh.
            invoked.put((job, error_message(error)))
            break
        except Exception as error:  # noqa: BLE001 # as above
            invoked.put((job, fault_message(error)))
    invoked.put(None)


def finish_all(
    engine: Engine, arena: Arena, invoked: SimpleQueue[Step[Invoked]], answers: BinaryIO
) -> None:
    """Answer frame after frame, in their order."""
    while (step := invoked.get()) is not None:
        job, frame = step
        if not isinstance(frame, Invoked):
            reply(answers, frame)
            continue
        try:
            answer = write_result(engine.finish(job, frame), arena.slot(job.slot))
        except Exception as error:  # noqa: BLE001 # as above; the front ends an engine it distrusts
            answer = fault_message(error)
        reply(answers, answer)


def frame_bytes(job: FrameJob, arena: Arena, regions: BorrowedRegions) -> memoryview:
    """Where the front put them, or the client itself."""
    if job.region is None:
        return arena.slot(job.slot)[: job.length]
    return regions.view(job.region, job.offset, job.length)


def fault_message(error: Exception) -> Message:
    """What the front is told of a frame's fault; of one that is the daemon's own, in the log."""
    if isinstance(error, EdgesegError):
        return error_message(error)
    traceback.print_exception(error)
    return error_message(InternalFault("a fault of the daemon; its log says more"))


def reply(answers: BinaryIO, message: Message) -> None:
    """Send one message to the front."""
    answers.write(to_line(message))
    answers.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
