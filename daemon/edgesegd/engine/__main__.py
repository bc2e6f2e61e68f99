"""The engine's process: `python -m edgesegd.engine SOCKET_FD DESCRIPTORS_FD ARENA_FD`.

The front starts it, and sends clients' regions over the second socket.
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
from edgesegd.models.reading import read_same_model
from edgesegd.models.spec import ModelSpec


def main(socket_fd: int, descriptors_fd: int, arena_fd: int) -> None:
    """Load what the front asks for, then segment until the front closes the socket."""
    # What Pillow warns of is the client's affair, and would hide what matters in the log.
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
    model = read_same_model(Path(setup.model_path), setup.model_sha256, setup.model_name)
    runtime = load_runtime(setup.runtime)
    return Engine(
        model,
        runtime,
        setup.delegate,
        threads=setup.threads,
        max_pixels=setup.max_pixels,
        decode_seconds=setup.decode_seconds,
        max_result=setup.slot_size,
        reference=read_reference(setup, model),
        check_every=setup.check_every,
    )


def read_reference(setup: EngineSetup, model: ModelSpec) -> ModelSpec | None:
    """The model that the CPU runs, to compare with; the same where it is not compiled for a TPU."""
    if setup.reference_path == setup.model_path:
        return model
    if not setup.reference_path:
        return None
    return read_same_model(Path(setup.reference_path), setup.reference_sha256)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
