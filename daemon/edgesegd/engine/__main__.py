"""The engine's process: `python -m edgesegd.engine SOCKET_FD DESCRIPTORS_FD ARENA_FD [MODEL_FD…]`.

The front starts it, and sends the regions of clients over the second socket. The process inherits
the open files of its models.
"""

from __future__ import annotations

import signal
import socket
import sys
import warnings
from pathlib import Path

from edgesegd.core.errors import EdgesegError
from edgesegd.engine.engine import Engine
from edgesegd.engine.guard.oom import be_the_victim
from edgesegd.engine.guard.parent_death import die_with_parent
from edgesegd.engine.mapped_regions import MappedRegions
from edgesegd.engine.pipeline import FramePipeline, reply
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.engine.serve import serve_in_turn, serve_overlapped
from edgesegd.ipc.arena import Arena
from edgesegd.ipc.messages import WARM_UPS, EngineSetup, WarmedUp, error_message, from_line
from edgesegd.models.spec import ModelSpec
from edgesegd.models.spec_message import from_message


def main(socket_fd: int, descriptors_fd: int, arena_fd: int, *_model_fds: int) -> None:
    """Load the model that the front orders, then segment until the front closes the socket."""
    # Pillow's warnings are about clients' pictures, and would hide more important log lines.
    warnings.simplefilter("ignore")
    # A terminal sends Ctrl-C to the whole group; the front decides when its engines end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=socket_fd) as link, socket.socket(fileno=descriptors_fd) as front:
        die_with_parent(link)
        be_the_victim()
        orders, answers = link.makefile("rb"), link.makefile("wb")
        setup = EngineSetup.from_message(from_line(orders.readline()))
        arena = Arena(arena_fd, slots=setup.slots, slot_size=setup.slot_size)
        try:
            engine = load_engine(setup)
            reply(answers, engine.describe().to_message())
            for _ in range(WARM_UPS):
                orders.readline()
                reply(answers, WarmedUp(engine.warm_up()).to_message())
        except EdgesegError as error:
            reply(answers, error_message(error))
            return
        pipeline = FramePipeline(engine, arena, MappedRegions(front), orders, answers)
        (serve_overlapped if setup.overlap else serve_in_turn)(pipeline)


def load_engine(setup: EngineSetup) -> Engine:
    """The engine that `setup` describes; raises a StartupError."""
    model = from_message(setup.model, open_file(setup.model_file))
    runtime = load_runtime(setup.runtime)
    return Engine(
        model,
        runtime,
        setup.delegate,
        threads=setup.threads,
        max_pixels=setup.max_pixels,
        decode_seconds=setup.decode_seconds,
        max_result=setup.slot_size,
        reference=read_reference(setup),
        check_every=setup.check_every,
    )


def read_reference(setup: EngineSetup) -> ModelSpec | None:
    """The model that the CPU runs for comparison; None for no comparison."""
    if setup.reference is None:
        return None
    return from_message(setup.reference, open_file(setup.reference_file))


def open_file(descriptor: int | None) -> Path | None:
    """The path of an open file; None if there is no descriptor."""
    return None if descriptor is None else Path(f"/dev/fd/{descriptor}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
