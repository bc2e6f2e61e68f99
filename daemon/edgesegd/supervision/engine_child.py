"""The process of an engine, from its start on; it can be started before its model is known."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
from collections import deque

from edgesegd.core.errors import EngineStartFailed
from edgesegd.ipc.child import ONE_THREAD, Child

log = logging.getLogger(__name__)

LAST_LINES = 20
"""Lines of the engine's output that are kept to explain its end."""
ROUTINE_OUTPUT = re.compile(r"(INFO|VERBOSE):|I\d{4} ")
"""Lines that runtimes print at every start, as TFLite and absl write them."""
LIBRARY_WARNING = re.compile(r"WARNING:|W\d{4} ")
"""Warnings of these libraries: they are for who builds a model, and may explain an end."""
CLOSE_SECONDS = 2.0
"""How long an engine may take to exit after its socket is closed."""


class EngineChild:
    """A process that imports what an engine needs, then waits for its setup on a socket.

    `connection` is the front's end of that socket, `descriptors` that of the socket for open files.
    `is_ready` is set when the engine has loaded its model: what it prints is a warning from then
    on. If it does not start, the error is logged elsewhere with its last line.
    """

    process: Child

    def __init__(self, connection: socket.socket, descriptors: socket.socket) -> None:
        self.connection = connection
        self.descriptors = descriptors
        self.is_ready = False
        self._last_output: deque[str] = deque(maxlen=LAST_LINES)

    @classmethod
    async def start(cls) -> EngineChild:
        """Start a process; raises EngineStartFailed."""
        with contextlib.ExitStack() as on_failure:
            try:
                connection, theirs = socket.socketpair()
                on_failure.callback(connection.close)
                with theirs:
                    descriptors, receiving = socket.socketpair(type=socket.SOCK_DGRAM)
                    on_failure.callback(descriptors.close)
                    descriptors.setblocking(False)
                    with receiving:
                        child = cls(connection, descriptors)
                        child.process = await Child.start(
                            "edgesegd.engine",
                            (theirs.fileno(), receiving.fileno()),
                            environ=ONE_THREAD,
                            on_line=child._on_output,  # its own class
                        )
            except OSError as error:
                raise EngineStartFailed(f"no engine process: {error}") from error
            on_failure.pop_all()
        return child

    @property
    def last_line(self) -> str:
        """The last line of its output that explains something; "" if there is none."""
        return self._last_output[-1] if self._last_output else ""

    async def close(self) -> None:
        """Close its sockets and end it; an EngineProcess closes the `connection` itself."""
        self.connection.close()
        await self.end()

    async def end(self) -> None:
        """Wait until it exits because its connection is closed, and kill it if it does not.

        A process that is stuck in a kernel driver cannot be killed; it is left behind.
        """
        self.descriptors.close()
        process = self.process
        if not await process.ends_in(CLOSE_SECONDS):
            process.kill()
            if not await process.ends_in(CLOSE_SECONDS):
                pid = process.pid
                log.error("engine %d cannot be killed: it is stuck in a kernel driver", pid)
                process.forget()

    def _on_output(self, line: str) -> None:
        is_routine = ROUTINE_OUTPUT.match(line) is not None
        if not is_routine:
            self._last_output.append(line)
        quiet = is_routine or LIBRARY_WARNING.match(line) or not self.is_ready
        log.log(
            logging.DEBUG if quiet else logging.WARNING, "engine %d: %s", self.process.pid, line
        )


class EarlyEngine:
    """One engine process that is started before the daemon knows its model.

    It imports for a fifth of a second, which the daemon needs for its own imports and for reading
    the model. The first engine of the daemon is this process.
    """

    def __init__(self) -> None:
        self._child: EngineChild | None = None

    async def start(self) -> list[int]:
        """Start it; returns its process group, as a list.

        If that fails, the list is empty; the first engine is started later, and reports why.
        """
        with contextlib.suppress(EngineStartFailed):
            self._child = await EngineChild.start()
            return [self._child.process.pid]
        return []

    def take(self) -> EngineChild | None:
        """The process, for the first caller; None for others, and if it has ended."""
        child, self._child = self._child, None
        return child

    async def close(self) -> None:
        """End the process, if no engine became of it."""
        if child := self.take():
            child.process.kill()
            await child.close()
