"""The engine's process: `python -m edgesegd.engine SOCKET_FD DESCRIPTORS_FD`.

The front starts it, and sends open files over the second socket: first the arena and the models,
later the regions of clients.
"""

from __future__ import annotations

import signal
import socket
import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edgesegd.core.errors import EdgesegError
from edgesegd.engine.engine import Engine
from edgesegd.engine.front import FrontConnection
from edgesegd.engine.guard.parent_death import die_with_parent
from edgesegd.engine.guard.sandbox import enter_for_delegate
from edgesegd.engine.mapped_regions import MappedRegions
from edgesegd.engine.pipeline import FramePipeline
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.engine.serve import serve_in_turn, serve_overlapped
from edgesegd.ipc.arena import Arena
from edgesegd.ipc.messages import WARM_UPS, EngineSetup, WarmedUp, error_message
from edgesegd.ipc.open_files import receive_files
from edgesegd.models.spec_message import from_message
from edgesegd.sandbox.sandbox import SandboxReport


def main(socket_fd: int, descriptors_fd: int) -> None:
    """Load the model that the front orders, then segment until the front closes the socket.

    The front may close it before it orders anything: it starts its first engine early.
    """
    # Pillow's warnings are about clients' pictures, and would hide more important log lines.
    warnings.simplefilter("ignore")
    # A terminal sends Ctrl-C to the whole group; the front decides when its engines end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (
        socket.socket(fileno=socket_fd) as connection,
        socket.socket(fileno=descriptors_fd) as descriptors,
    ):
        die_with_parent(connection)
        front = FrontConnection(connection)
        if (order := front.read_order()) is None:
            return
        setup = EngineSetup.from_message(order)
        files = receive_files(descriptors)
        arena = Arena(next(iter(files.values())), slots=setup.slots, slot_size=setup.slot_size)
        try:
            sandbox = enter(setup)
            engine = load_engine(setup, files)
            ready = replace(engine.describe(), sandbox=str(sandbox), not_sandboxed=sandbox.missing)
            front.answer(ready.to_message())
            for _ in range(WARM_UPS):
                front.read_order()
                front.answer(WarmedUp(engine.warm_up()).to_message())
        except EdgesegError as error:
            front.answer(error_message(error))
            return
        pipeline = FramePipeline(engine, arena, MappedRegions(descriptors))
        (serve_overlapped if setup.overlap else serve_in_turn)(front, pipeline)


def enter(setup: EngineSetup) -> SandboxReport:
    """Enter the sandbox, before anything of a client, a model or a driver is read.

    Only models without an open file are opened by their path. Raises SandboxMissing.
    """
    by_path = [setup.model] if setup.model_file is None else []
    if setup.reference is not None and setup.reference_file is None:
        by_path.append(setup.reference)
    return enter_for_delegate(
        setup.delegate,
        setup.sandbox,
        models=[Path(model["path"]) for model in by_path],
        private=setup.private,
    )


def load_engine(setup: EngineSetup, files: Mapping[int, int]) -> Engine:
    """The engine that `setup` describes; raises a StartupError.

    `files` has the descriptors of this process by the numbers that the front has for them.
    """
    model = from_message(setup.model, open_file(setup.model_file, files))
    reference = None
    if setup.reference is not None:
        reference = from_message(setup.reference, open_file(setup.reference_file, files))
    return Engine(
        model,
        load_runtime(setup.runtime),
        setup.delegate,
        threads=setup.threads,
        max_pixels=setup.max_pixels,
        decode_seconds=setup.decode_seconds,
        max_result=setup.slot_size,
        reference=reference,
        check_every=setup.check_every,
        reuse_bytes=setup.reuse_bytes,
    )


def open_file(number: int | None, files: Mapping[int, int]) -> Path | None:
    """The path of an open file; None if the front has none."""
    return None if number is None else Path(f"/dev/fd/{files[number]}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
