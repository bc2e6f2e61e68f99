"""The engine's process: `python -m edgesegd.engine SOCKET_FD ARENA_FD`, started by the front."""

from __future__ import annotations

import signal
import socket
import sys
import traceback
import warnings
from io import BufferedRWPair
from pathlib import Path

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
    FrameJob,
    error_message,
    from_line,
    to_line,
    write_result,
)
from edgesegd.core.model.reading import read_model
from edgesegd.core.model.spec import ModelSpec
from edgesegd.engine.engine import Engine
from edgesegd.engine.orphan import die_with_parent
from edgesegd.engine.runtime import load_runtime


def main(socket_fd: int, arena_fd: int) -> None:
    """Load what the front asks for, then segment until the front closes the socket."""
    die_with_parent()
    # What Pillow warns of is the client's affair, and would hide what matters in the log.
    warnings.simplefilter("ignore")
    # A terminal sends Ctrl-C to the whole group; the front decides when its engines end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=socket_fd) as link, link.makefile("rwb") as lines:
        setup = EngineSetup.from_message(from_line(lines.readline()))
        arena = Arena(arena_fd, slots=setup.slots, slot_size=setup.slot_size)
        try:
            engine = load_engine(setup)
            ready = engine.warm_up().to_message()
        except EdgesegError as error:
            reply(lines, error_message(error))
            return
        reply(lines, ready)
        serve(engine, arena, lines)


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


def serve(engine: Engine, arena: Arena, lines: BufferedRWPair) -> None:
    """Answer each job; end when the front is gone, or when the delegate failed."""
    for line in lines:
        job = FrameJob.from_message(from_line(line))
        slot = arena.slot(job.slot)
        try:
            answer = write_result(engine.segment(job, slot[: job.length]), slot)
        except (EngineFailed, EngineDistrusted) as error:
            # After a failed invoke the interpreter holds stale data, and a delegate that was wrong
            # once is not asked again: the next engine starts fresh.
            reply(lines, error_message(error))
            return
        except EdgesegError as error:
            answer = error_message(error)
        except Exception:  # noqa: BLE001 # one frame's fault must not cost the engine
            traceback.print_exc()
            answer = error_message(InternalFault("a fault of the daemon; its log says more"))
        reply(lines, answer)


def reply(lines: BufferedRWPair, message: dict[str, object]) -> None:
    """Send one message to the front."""
    lines.write(to_line(message))
    lines.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
