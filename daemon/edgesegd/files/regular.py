"""Reads files that an operator names or an earlier run left; whatever they are, reading ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class UnusableFile(OSError):
    """The file is not a regular file, or too large."""


def read_regular_file(path: Path, largest: int) -> bytes:
    """All bytes of a file; raises OSError, or ValueError for a path with a NUL in it.

    A folder, a FIFO or a device is not read, and nothing larger than `largest` bytes.
    """
    # Without O_NONBLOCK, opening a FIFO would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise UnusableFile("it is a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise UnusableFile("it is not a regular file")
        if status.st_size > largest:
            raise UnusableFile(f"it is larger than {largest / (1 << 20):g} MiB")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def say_why(error: OSError) -> str:
    """The reason without the path, which the caller's message already has."""
    return error.strerror or str(error)
