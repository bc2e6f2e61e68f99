"""The standard streams of the process: whatever they are, they do not stop its work."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from locale import getencoding
from typing import TextIO

ERRORS = "backslashreplace"
"""For what an encoding does not have: arrows in Latin-1, and names that are not UTF-8."""

Told = Callable[[OSError], None]


class OutputLost(OSError):
    """What a command says on stdout cannot be written."""


def prepare_streams(*, serving: bool) -> None:
    """Make all three usable; to be called before anything opens a descriptor.

    One that is closed is opened on /dev/null, for the next file or socket would have its number.
    What cannot be written to stderr is dropped. So it is on stdout where a daemon is `serving`,
    which says so once on stderr; another command's output is its work, and raises OutputLost.
    """
    open_closed_descriptors()
    sys.stderr = _Stream(2, sys.stderr, _drop, line_buffering=True)
    interactive = os.isatty(1)
    sys.stdout = _Stream(1, sys.stdout, _say_once() if serving else _raise, interactive)


def open_closed_descriptors() -> None:
    """Leave none of 0, 1 and 2 to be given to something else."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest that is free, so this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def to_devnull(stream: TextIO) -> None:
    """Let what is still to be flushed go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class _Stream(io.TextIOWrapper):
    """Text to a descriptor, encoded as `like`; `failed` is told where that cannot be."""

    def __init__(
        self, number: int, like: TextIO | None, failed: Told, line_buffering: bool
    ) -> None:
        file = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
        encoding = getencoding() if like is None else like.encoding
        super().__init__(file, encoding, ERRORS, line_buffering=line_buffering)
        self._failed = failed

    def write(self, text: str) -> int:
        """All of it, or none."""
        try:
            return super().write(text)
        except OSError as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        """What was written so far."""
        try:
            super().flush()
        except OSError as error:
            self._failed(error)


def _drop(_error: OSError) -> None:
    """There is nobody to be told."""


def _raise(error: OSError) -> None:
    if isinstance(error, BrokenPipeError):  # its reader has enough
        raise error
    raise OutputLost(error.errno, error.strerror) from error


def _say_once() -> Told:
    told: list[OSError] = []

    def say(error: OSError) -> None:
        if not told:
            told.append(error)
            print(
                f"edgesegd: nothing can be said on stdout ({error.strerror}); the daemon goes on",
                file=sys.stderr,
            )

    return say
