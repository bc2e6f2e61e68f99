"""Standard output and error that do not stop the command if they cannot be written."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from edgeseg_client.descriptors import open_standard_descriptors


class FaultTolerantWriter(io.RawIOBase):
    """Writes to a descriptor; after the first failure it drops all data.

    `failure` is the error of that failure, None before.
    """

    def __init__(self, descriptor: int) -> None:
        self.failure: OSError | None = None
        self._descriptor = descriptor

    def fileno(self) -> int:
        """The descriptor, which this writer does not close."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Always true."""
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401  # collections.abc.Buffer needs Python 3.12
        """Writes or drops the data and returns the number of bytes; never raises OSError."""
        while self.failure is None:
            try:
                return os.write(self._descriptor, data)
            except (
                BlockingIOError
            ):  # another process made it non-blocking; wait until it is writable
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.failure = error
        return len(data)


class StandardOutput:
    """Standard output within `fault_tolerant_streams`."""

    def __init__(self, stream: TextIO, writer: FaultTolerantWriter | None) -> None:
        self._stream = stream
        self._writer = writer

    def flush(self) -> OSError | None:
        """Writes what is buffered; returns the first error, None if everything was written."""
        self._stream.flush()
        return None if self._writer is None else self._writer.failure


@contextmanager
def fault_tolerant_streams() -> Iterator[StandardOutput]:
    """Replaces standard output and error by streams that go on after an error.

    Characters that the encoding does not have are escaped. Streams that are closed are replaced by
    the null device. Streams that are not files, as in tests, are not replaced.
    """
    open_standard_descriptors()
    before = sys.stdout, sys.stderr
    sys.stdout, writer = _fault_tolerant(sys.stdout, 1)
    sys.stderr, _ = _fault_tolerant(sys.stderr, 2)
    tolerant = sys.stdout, sys.stderr
    try:
        yield StandardOutput(sys.stdout, writer)
    finally:
        sys.stdout, sys.stderr = before
        for stream in tolerant:
            stream.flush()


def print_line(line: str) -> None:
    """Prints a line at once, also into a pipe: programs act on it."""
    print(line, flush=True)


def reader_is_gone() -> bool:
    """Whether the reader of standard output, such as `head`, has closed the pipe."""
    writer = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(writer, FaultTolerantWriter) and isinstance(writer.failure, BrokenPipeError)


def _fault_tolerant(
    stream: TextIO | None, descriptor: int
) -> tuple[TextIO, FaultTolerantWriter | None]:
    encoding, lines = "utf-8", descriptor == 2
    if stream is not None:  # it is None if its descriptor was closed when Python started
        try:
            descriptor = stream.fileno()
        except (OSError, ValueError):
            return stream, None
        encoding, lines = stream.encoding, lines or stream.isatty()
    writer = FaultTolerantWriter(descriptor)
    tolerant = io.TextIOWrapper(
        io.BufferedWriter(writer), encoding, errors="backslashreplace", line_buffering=lines
    )
    return tolerant, writer
