"""Files that a process was given open to read, so that it cannot open them again to write.

A link of /proc/self/fd opens a file with the rights of the mount from which it was opened, which is
not the read-only one of `file_view`.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from edgesegd.files.sealed import is_sealed, sealed_file

OPEN = Path("/proc/self/fd")
PART_BYTES = 1 << 20


def keep_from_writing() -> None:
    """Replace each file that is open only for reading by another under its number.

    That is the same file, opened at its path in the file system that this process has now. If it is
    not there, it is a copy in memory that nobody can change. Raises OSError.
    """
    for descriptor in _open_for_reading():
        replacement = _opened_by_path(descriptor)
        if replacement is None:
            replacement = sealed_file("given", _parts(descriptor))
        try:
            os.lseek(replacement, os.lseek(descriptor, 0, os.SEEK_CUR), os.SEEK_SET)
            os.dup2(replacement, descriptor, os.get_inheritable(descriptor))
        finally:
            os.close(replacement)


def _open_for_reading() -> list[int]:
    """The descriptors of files that are open for reading only, and not sealed."""
    found = []
    for descriptor in [int(path.name) for path in OPEN.iterdir()]:
        try:
            flags, mode = fcntl.fcntl(descriptor, fcntl.F_GETFL), os.fstat(descriptor).st_mode
        except OSError:  # it was that of the listing
            continue
        if flags & os.O_ACCMODE == os.O_RDONLY and stat.S_ISREG(mode) and not is_sealed(descriptor):
            found.append(descriptor)
    return found


def _opened_by_path(descriptor: int) -> int | None:
    """The same file, opened anew; None if this process does not find it at its path."""
    try:
        opened = os.open(OPEN.joinpath(str(descriptor)).readlink(), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    if os.path.sameopenfile(opened, descriptor):
        return opened
    os.close(opened)
    return None


def _parts(descriptor: int) -> Iterator[bytes]:
    """The content of an open file."""
    position = 0
    while part := os.pread(descriptor, PART_BYTES, position):
        yield part
        position += len(part)
