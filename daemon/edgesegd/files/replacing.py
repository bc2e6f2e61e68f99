"""Writes files atomically."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Open a file for writing that replaces `path` at the end of the block.

    A reader of `path` sees the old content or the new one, even after a power cut. If writing
    fails, the old content stays, and no other file is left. What killed writers of `path` left is
    deleted. `mode` is that of the new file, less the process's mask. Raises OSError.
    """
    _delete_abandoned(path)
    partial, descriptor = _open_locked(path, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            partial.replace(path)  # while it is locked; other writers would delete it
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _open_locked(path: Path, mode: int) -> tuple[Path, int]:
    """A new file beside `path`, with a name that is used once, and a descriptor of it.

    Its lock, which ends with the process, says that it is in use.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    while True:
        partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
        descriptor = os.open(partial, flags, mode)
        with contextlib.suppress(OSError):  # there are none on this file system
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return partial, descriptor
        os.close(descriptor)  # another writer took it for an abandoned one before it was locked


def _delete_abandoned(path: Path) -> None:
    """Delete the partial files whose writers have ended."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):  # in use, or gone
            descriptor = os.open(partial, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                partial.unlink()
            finally:
                os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Sync the folder, so that new names in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
