"""Standard output and error that never stop the work, whatever becomes of them."""

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
    """Writes to a descriptor until that fails; what comes later is dropped.

    `failure` is why it failed; None as long as it did not.
    """

    def __init__(self, descriptor: int) -> None:
        self.failure: OSError | None = None
        self._descriptor = descriptor

    def fileno(self) -> int:
        """The descriptor, which is not closed here."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether somebody watches."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401  # any buffer: its type is Python 3.12's
        """The number of bytes written or dropped; never raises."""
        while self.failure is None:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # somebody else made it so; wait for the reader
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.failure = error
        return len(data)


class StandardOutput:
    """What is printed on standard output while `fault_tolerant_streams` lasts."""

    def __init__(self, stream: TextIO, writer: FaultTolerantWriter | None) -> None:
        self._stream = stream
        self._writer = writer

    def flush(self) -> OSError | None:
        """Writes what waits; why some of it could not be written, None where all was."""
        self._stream.flush()
        return None if self._writer is None else self._writer.failure


@contextmanager
def fault_tolerant_streams() -> Iterator[StandardOutput]:
    """Has all that is printed go through sinks, and what the encoding cannot say escaped.

    Streams that were closed lead to the null device. Those that are no files, as under a test, stay
    as they are.
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


def _fault_tolerant(
    stream: TextIO | None, descriptor: int
) -> tuple[TextIO, FaultTolerantWriter | None]:
    encoding, lines = "utf-8", descriptor == 2
    if stream is not None:  # Python has none for a descriptor that is closed as it starts
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
