"""Child processes that run drivers; whatever these do, the parent is not harmed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from edgesegd.board.oom import make_the_victim
from edgesegd.ipc.open_files import open_descriptors

CHUNK = 1 << 16
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""For children that enter a sandbox: numpy's library would start a thread for each core when it is
imported, and Landlock does not hold for threads that run already. It is used for one sum only."""
LEFT_BEHIND: list[int] = []
"""Processes that could not be killed. They may still end; each start of a child reaps those."""
MAX_LINE = 4096
"""Largest line of output in bytes; of a longer one only the end is passed on."""


def ending(status: int | None) -> str:
    """How a process ended, as text: "SIGSEGV", or "status 1"."""
    if status is None or status >= 0:
        return f"status {status}"
    if status == -signal.SIGILL:
        return "SIGILL (this processor lacks an instruction that it used)"
    try:
        return signal.Signals(-status).name
    except ValueError:  # a real-time signal has no name
        return f"signal {-status}"


class Child:
    """A Python module of this package that runs as a process, in its own session.

    So signals to the daemon's process group do not reach it, and `kill` also ends the processes
    that it started. The kernel reports its end, because the end of a pipe would not be reliable: a
    process that it left behind may hold the pipe open. `pid` is its process id. `ended` is done
    when it has ended, with its status.
    """

    def __init__(self, pid: int, descriptor: int | None, output: _Output | None) -> None:
        self.pid = pid
        self._descriptor = descriptor
        self._output = output
        self.ended: asyncio.Task[int] = asyncio.create_task(self._wait())
        self.ended.add_done_callback(self._close)

    @classmethod
    async def start(
        cls,
        module: str,
        descriptors: Sequence[int],
        *,
        arguments: Sequence[str] = (),
        stdin: int | None = None,
        environ: Mapping[str, str] = MappingProxyType({}),
        on_line: Callable[[str], None] | None = None,
    ) -> Child:
        """Run `module`; it inherits `descriptors`, and gets their numbers as arguments.

        They follow the other `arguments`. `stdin` is its standard input, else there is none.
        `environ` are variables that it gets in addition to this process's.
        `on_line` is called with each line that it writes to stdout or stderr. Raises OSError.
        """
        LEFT_BEHIND[:] = [pid for pid in LEFT_BEHIND if not reaped(pid)]
        sink = null = os.open(os.devnull, os.O_RDWR)
        output = None
        try:
            if on_line is not None:
                output = _Output(on_line)
                sink = output.sink
            command = [sys.executable, "-m", module, *arguments, *map(str, descriptors)]
            given = null if stdin is None else stdin
            pid = spawn(
                command,
                stdin=given,
                stdout=sink,
                descriptors=descriptors,
                environ={**os.environ, **environ},
            )
            # At once: while it starts, it would count as much as this process does.
            make_the_victim(pid)
            descriptor = process_descriptor(pid)
        except BaseException:
            if output is not None:
                output.close()
            raise
        finally:
            os.close(null)
            if output is not None:
                os.close(output.sink)
        return cls(pid, descriptor, output)

    def kill(self) -> None:
        """Kill it and the processes that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def ends_in(self, seconds: float) -> bool:
        """Wait at most `seconds` for its end; whether it has ended."""
        done, _ = await asyncio.wait({self.ended}, timeout=seconds)
        return bool(done)

    def forget(self) -> None:
        """Leave it behind: it is stuck in a kernel driver, so it cannot be killed."""
        self.ended.cancel()
        LEFT_BEHIND.append(self.pid)

    async def _wait(self) -> int:
        if self._descriptor is None:
            status = await asyncio.to_thread(wait_for, self.pid)
        else:
            await readable(self._descriptor)
            status = wait_for(self.pid)
        self.kill()  # ends the processes that it left behind
        return status

    def _close(self, _ended: asyncio.Task[int]) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        if self._output is not None:
            self._output.close()


def spawn(
    command: Sequence[str],
    *,
    stdin: int,
    stdout: int,
    descriptors: Sequence[int],
    environ: Mapping[str, str],
) -> int:
    """Start a process in its own session that inherits `descriptors`; returns its id.

    `stdout` is used for its stderr too. posix_spawn is used because it never forks: if vfork fails,
    `subprocess` forks, and then gRPC's fork handlers may hang forever (grpcio 1.51). Raises
    OSError.
    """
    standard = [(stdin, 0), (stdout, 1), (stdout, 2)]
    for number in descriptors:
        os.set_inheritable(number, True)
    try:
        return os.posix_spawn(
            command[0],
            list(command),
            environ,
            file_actions=[
                *((os.POSIX_SPAWN_CLOSE, number) for number in foreign(descriptors)),
                *((os.POSIX_SPAWN_DUP2, ours, theirs) for ours, theirs in standard),
            ],
            setsid=True,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # Python ignores them
        )
    except (AttributeError, NotImplementedError):  # Android before 9; glibc before 2.26
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stdout,
            pass_fds=descriptors,
            env=environ,
            start_new_session=True,
        )
        process.returncode = 0  # so that only `wait_for` waits for it
        return process.pid
    finally:
        for number in descriptors:
            os.set_inheritable(number, False)


def foreign(ours: Sequence[int]) -> list[int]:
    """The descriptors that a new process would inherit apart from 0, 1, 2 and `ours`.

    Python and gRPC open descriptors with close-on-exec. Other libraries may not, and the daemon may
    have inherited some itself. An engine that inherits them could keep them open after the daemon's
    end.
    """
    found = []
    for number in open_descriptors() - {0, 1, 2} - set(ours):
        with contextlib.suppress(OSError):  # it is closed by now, like that of the listing itself
            if os.get_inheritable(number):
                found.append(number)
    return found


def wait_for(pid: int) -> int:
    """Wait until a child ends; returns its status, or minus the number of a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def reaped(pid: int) -> bool:
    """Whether a child has ended; if so, it is reaped, so do not ask again."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:  # a thread waited for it
        return True


def process_descriptor(pid: int) -> int | None:
    """A descriptor that is readable when the process has ended; None if only a thread can wait.

    If no descriptor is free, the process is killed, because it could not be watched; then OSError
    is raised.
    """
    try:
        return os.pidfd_open(pid)
    except AttributeError:  # not Linux
        return None
    except OSError as error:
        if error.errno == errno.ENOSYS:  # Linux before 5.3
            return None
        os.kill(pid, signal.SIGKILL)
        wait_for(pid)
        raise


async def readable(descriptor: int) -> None:
    """Wait until a descriptor is readable."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


class _Output:
    """A pipe; `on_line` is called with each line, and `sink` is the end for writing."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._source, self.sink = os.pipe()
        self._on_line = on_line
        self._line = b""
        os.set_blocking(self._source, False)
        asyncio.get_running_loop().add_reader(self._source, self._read)

    def close(self) -> None:
        """Pass on what is left, and close the pipe. Call this once."""
        while self._read():
            pass
        asyncio.get_running_loop().remove_reader(self._source)
        os.close(self._source)
        if self._line:
            self._on_line(self._line.decode(errors="replace"))

    def _read(self) -> bool:
        """Read once and pass on whole lines; whether there was something to read."""
        try:
            chunk = os.read(self._source, CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._source)
            return False
        *lines, self._line = (self._line + chunk).split(b"\n")
        if len(self._line) > MAX_LINE:
            lines, self._line = [*lines, self._line], b""
        for line in lines:
            self._on_line(line[-MAX_LINE:].decode(errors="replace").rstrip())
        return True
