"""Makes the standard streams of the process usable, so that they do not stop its work."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from locale import getencoding
from typing import TextIO

ERRORS = "backslashreplace"
"""For characters that an encoding does not have: arrows in Latin-1, names that are not UTF-8."""

OnError = Callable[[OSError], None]


class OutputLost(OSError):
    """The output of a command cannot be written to stdout."""


def prepare_streams(*, serving: bool) -> None:
    """Make stdin, stdout and stderr usable; call this before anything opens a descriptor.

    A closed stream is opened on /dev/null; otherwise the next file or socket would get its number.
    What cannot be written to stderr is dropped. What cannot be written to stdout is dropped too if
    a daemon is `serving`, which says so once on stderr. For other commands the output is their
    result, so OutputLost is raised.
    """
    open_closed_descriptors()
    sys.stderr = _Stream(2, sys.stderr, _drop, line_buffering=True)
    interactive = os.isatty(1)
    sys.stdout = _Stream(1, sys.stdout, _report_once() if serving else _raise, interactive)


def open_closed_descriptors() -> None:
    """Open 0, 1 and 2 on /dev/null if they are closed, so that nothing else gets them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # This gets the lowest free number, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def to_devnull(stream: TextIO) -> None:
    """Send what is still to be flushed to /dev/null."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class _Stream(io.TextIOWrapper):
    """Writes text to a descriptor, encoded as `like`; calls `failed` if that is not possible."""

    def __init__(
        self, number: int, like: TextIO | None, failed: OnError, line_buffering: bool
    ) -> None:
        file = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
        encoding = getencoding() if like is None else like.encoding
        super().__init__(file, encoding, ERRORS, line_buffering=line_buffering)
        self._failed = failed

    def write(self, text: str) -> int:
        """Write the text; if that fails, call `failed`."""
        try:
            return super().write(text)
        except OSError as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        """Flush what was written; if that fails, call `failed`."""
        try:
            super().flush()
        except OSError as error:
            self._failed(error)


def _drop(_error: OSError) -> None:
    """Drop the error: there is no other stream to report it on."""


def _raise(error: OSError) -> None:
    if isinstance(error, BrokenPipeError):  # the reader of the output has closed it
        raise error
    raise OutputLost(error.errno, error.strerror) from error


def _report_once() -> OnError:
    reported: list[OSError] = []

    def report(error: OSError) -> None:
        if not reported:
            reported.append(error)
            print(
                f"edgesegd: cannot write to stdout ({error.strerror}); the daemon goes on",
                file=sys.stderr,
            )

    return report
