"""Memory that the front and one engine share, for pixels and masks."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import tempfile

REFUSED = {errno.ENOSYS, errno.EPERM, errno.EACCES}
"""Errors with which memfd_create fails on systems where it never works."""


class Arena:
    """`slots` slots of `slot_size` bytes each, in a file without a name.

    However either process ends, nothing is left behind. A page takes memory only once it is
    written. Each slot begins with a page of its own, because the system takes memory back in whole
    pages.
    """

    def __init__(self, fd: int, *, slots: int, slot_size: int) -> None:
        self.fd = fd
        self.slots = slots
        self.slot_size = slot_size
        self._stride = _whole_pages(slot_size)
        self._map = mmap.mmap(fd, slots * self._stride)
        self._view = memoryview(self._map)

    @classmethod
    def create(cls, *, slots: int, slot_size: int) -> Arena:
        """A new arena; its `fd` can be inherited by a child."""
        fd = anonymous_file(slots * _whole_pages(slot_size))
        try:
            return cls(fd, slots=slots, slot_size=slot_size)
        except BaseException:
            os.close(fd)
            raise

    def slot(self, number: int) -> memoryview:
        """The bytes of one slot, writable."""
        start = number * self._stride
        return self._view[start : start + self.slot_size]

    def discard(self, number: int) -> None:
        """Return the memory of a slot to the system; its content is lost."""
        with contextlib.suppress(AttributeError, OSError):  # Linux only; not of every file system
            self._map.madvise(mmap.MADV_REMOVE, number * self._stride, self._stride)

    def close(self) -> None:
        """Unmap; memory of views that are still in use is unmapped with them."""
        os.close(self.fd)
        self._view.release()
        with contextlib.suppress(BufferError):  # a view is in use, and unmaps when it is freed
            self._map.close()


def _whole_pages(size: int) -> int:
    """The size of the pages that hold `size` bytes, on this board: 4 KiB each, or more."""
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def anonymous_file(size: int = 0) -> int:
    """The descriptor of a file of `size` bytes in memory; if that fails, of an unlinked file.

    The platform may not have files in memory, and a sandbox or an old kernel may refuse them.
    Raises OSError.
    """
    try:
        descriptor = os.memfd_create("edgeseg")
    except AttributeError:
        return _unlinked_file(size)
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        return _unlinked_file(size)
    try:
        os.ftruncate(descriptor, size)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _unlinked_file(size: int) -> int:
    """The descriptor of an unlinked file in the folder for temporary files (TMPDIR).

    Its disk space is allocated at once: if the disk were full later, a write to the mapping would
    end the process with SIGBUS.
    """
    with tempfile.TemporaryFile() as file:
        if size:
            os.posix_fallocate(file.fileno(), 0, size)
        return os.dup(file.fileno())
