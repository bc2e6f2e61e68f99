"""Files in memory that nobody can change any more."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable

UNCHANGEABLE = ("F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE", "F_SEAL_SEAL")


def sealed_file(name: str, parts: Iterable[bytes]) -> int:
    """The descriptor of a new file in memory with these parts; `name` is for people only.

    Raises OSError, also where the system has no such files.
    """
    try:
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        seals = sum(getattr(fcntl, each) for each in UNCHANGEABLE)
    except AttributeError:
        raise OSError("this system has no files in memory that can be sealed") from None
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.writelines(parts)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_sealed(descriptor: int) -> bool:
    """Whether no one can write to an open file, whatever else is open."""
    with contextlib.suppress(OSError):  # it cannot be sealed
        return bool(fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE)
    return False
