"""Child processes that run a vendor's code, which may do anything but harm their parent."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

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
        self,
        process: subprocess.Popen[bytes],
        status: Coroutine[Any, Any, int],
        output: _Output | None,
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._output = output
        self.ended: asyncio.Task[int] = asyncio.create_task(self._wait(status))

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
            status = exit_status(process)
        except BaseException:
            if output is not None:
                output.close()
            raise
        finally:
            if output is not None:
                os.close(output.sink)
        return cls(process, status, output)

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
        if self._output is not None:
            self._output.close()

    async def _wait(self, exit_status: Coroutine[Any, Any, int]) -> int:
        status = await exit_status
        self.kill()  # what it left behind
        if self._output is not None:
            self._output.close()
        return status


def exit_status(process: subprocess.Popen[bytes]) -> Coroutine[Any, Any, int]:
    """What is to be awaited for its exit status.

    That needs a descriptor of the process, and a thread where the platform has no such thing.
    Where none is to be had the process is killed, for nobody would know of it; raises OSError.
    """
    try:
        return _readable(process, os.pidfd_open(process.pid))
    except AttributeError:  # not Linux
        return asyncio.to_thread(process.wait)
    except OSError as error:
        if error.errno == errno.ENOSYS:  # Linux before 5.3
            return asyncio.to_thread(process.wait)
        process.kill()
        process.wait()
        raise


async def _readable(process: subprocess.Popen[bytes], descriptor: int) -> int:
    """The status, once the descriptor of the process says that it has ended."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()


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
