"""Child processes that run a vendor's code, which may do anything but harm their parent."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

CHUNK = 1 << 16
LEFT_BEHIND: list[int] = []
"""Processes that could not be killed. They may yet end, and are reaped before the next starts."""
OPEN = Path("/dev/fd")
"""The descriptors of this process."""
MAX_LINE = 4096
"""Bytes of output that are told as one line; of a longer one the last."""


def ending(status: int | None) -> str:
    """How a process ended: "SIGSEGV", or "status 1"."""
    if status is None or status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:  # a real-time signal has no name
        return f"signal {-status}"


class Child:
    """A Python module of ours as a process, in a session of its own.

    So no signal to the daemon's group reaches it, and `kill` ends all that it started with it.
    Whether it ended is asked of the kernel: a pipe may be held open by something that it left
    behind. `pid` is its process id, `ended` is done once it has ended, with its status.
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
        tell: Callable[[str], None] | None = None,
    ) -> Child:
        """Run `module` with the numbers of `descriptors`, which it inherits, as its arguments.

        `tell` is given each line that it writes to its output. Raises OSError.
        """
        LEFT_BEHIND[:] = [pid for pid in LEFT_BEHIND if not reaped(pid)]
        sink = null = os.open(os.devnull, os.O_RDWR)
        output = None
        try:
            if tell is not None:
                output = _Output(tell)
                sink = output.sink
            command = [sys.executable, "-m", module, *map(str, descriptors)]
            pid = spawn(command, stdin=null, stdout=sink, descriptors=descriptors)
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
        """End it and all that it started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def ends_in(self, seconds: float) -> bool:
        """Whether it ends before that; it is not killed."""
        done, _ = await asyncio.wait({self.ended}, timeout=seconds)
        return bool(done)

    def forget(self) -> None:
        """Leave it alone: a driver holds it in the kernel, and it cannot be killed."""
        self.ended.cancel()
        LEFT_BEHIND.append(self.pid)

    async def _wait(self) -> int:
        if self._descriptor is None:
            status = await asyncio.to_thread(wait_for, self.pid)
        else:
            await readable(self._descriptor)
            status = wait_for(self.pid)
        self.kill()  # what it left behind
        return status

    def _close(self, _ended: asyncio.Task[int]) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        if self._output is not None:
            self._output.close()


def spawn(command: Sequence[str], *, stdin: int, stdout: int, descriptors: Sequence[int]) -> int:
    """The id of a new process, in a session of its own, that inherits `descriptors`.

    `stdout` is its standard error too. `subprocess` forks where no process is to be had by vfork,
    and then gRPC's handlers of forks may hang for ever (grpcio 1.51); posix_spawn never forks.
    Raises OSError.
    """
    standard = [(stdin, 0), (stdout, 1), (stdout, 2)]
    for number in descriptors:
        os.set_inheritable(number, True)
    try:
        return os.posix_spawn(
            command[0],
            list(command),
            os.environ,
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
            start_new_session=True,
        )
        process.returncode = 0  # it is waited for by its id
        return process.pid
    finally:
        for number in descriptors:
            os.set_inheritable(number, False)


def foreign(ours: Sequence[int]) -> list[int]:
    """What a new process would inherit beside the standard three and `ours`.

    Python and gRPC open all with close-on-exec. Other libraries do not, and whoever started the
    daemon may have left it some; held open by an engine, they would outlive it.
    """
    found = []
    for number in {int(path.name) for path in OPEN.iterdir()} - {0, 1, 2} - set(ours):
        with contextlib.suppress(OSError):  # it is closed by now, as that of the listing is
            if os.get_inheritable(number):
                found.append(number)
    return found


def wait_for(pid: int) -> int:
    """How a child ended; waits until it does. Minus a signal's number, or a status."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def reaped(pid: int) -> bool:
    """Whether a child has ended; it is not to be asked of again then."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:  # a thread waited for it
        return True


def process_descriptor(pid: int) -> int | None:
    """A descriptor that can be read once the process has ended; None where only a thread can wait.

    Where none is left the process is killed, for nobody would know of it; raises OSError.
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
    """Wait until there is something to read."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


class _Output:
    """A pipe that is always drained, and told line by line; `sink` is where to write."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._source, self.sink = os.pipe()
        self._tell = tell
        self._line = b""
        os.set_blocking(self._source, False)
        asyncio.get_running_loop().add_reader(self._source, self._read)

    def close(self) -> None:
        """Tell what is left, and read no more. Once only."""
        while self._read():
            pass
        asyncio.get_running_loop().remove_reader(self._source)
        os.close(self._source)
        if self._line:
            self._tell(self._line.decode(errors="replace"))

    def _read(self) -> bool:
        """Whether there was something."""
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
            self._tell(line[-MAX_LINE:].decode(errors="replace").rstrip())
        return True
