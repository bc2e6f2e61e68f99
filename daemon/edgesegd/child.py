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

CHUNK = 1 << 16
LEFT_BEHIND: list[subprocess.Popen[bytes]] = []
"""Processes that could not be killed. They may yet end, and are reaped before the next starts."""
LONGEST_LINE = 4096
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

    def __init__(
        self, process: subprocess.Popen[bytes], descriptor: int | None, output: _Output | None
    ) -> None:
        self.pid = process.pid
        self._process = process
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
        LEFT_BEHIND[:] = [process for process in LEFT_BEHIND if process.poll() is None]
        output = _Output(tell) if tell is not None else None
        sink = subprocess.DEVNULL if output is None else output.sink
        try:
            process = subprocess.Popen(  # noqa: ASYNC220 # takes milliseconds, in any thread
                [sys.executable, "-m", module, *map(str, descriptors)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                pass_fds=descriptors,
                start_new_session=True,
            )
            descriptor = process_descriptor(process)
        except BaseException:
            if output is not None:
                output.close()
            raise
        finally:
            if output is not None:
                os.close(output.sink)
        return cls(process, descriptor, output)

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
        LEFT_BEHIND.append(self._process)

    async def _wait(self) -> int:
        if self._descriptor is None:
            status = await asyncio.to_thread(self._process.wait)
        else:
            await readable(self._descriptor)
            status = self._process.wait()
        self.kill()  # what it left behind
        return status

    def _close(self, _ended: asyncio.Task[int]) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        if self._output is not None:
            self._output.close()


def process_descriptor(process: subprocess.Popen[bytes]) -> int | None:
    """A descriptor that can be read once the process has ended; None where only a thread can wait.

    Where none is left the process is killed, for nobody would know of it; raises OSError.
    """
    try:
        return os.pidfd_open(process.pid)
    except AttributeError:  # not Linux
        return None
    except OSError as error:
        if error.errno == errno.ENOSYS:  # Linux before 5.3
            return None
        process.kill()
        process.wait()
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
        if len(self._line) > LONGEST_LINE:
            lines, self._line = [*lines, self._line], b""
        for line in lines:
            self._tell(line[-LONGEST_LINE:].decode(errors="replace").rstrip())
        return True
