"""Memory shared by the front and one engine: the pixels' way between the two processes."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import tempfile

REFUSED = {errno.ENOSYS, errno.EPERM, errno.EACCES}
"""How memfd_create fails where it never works."""


class Arena:
    """`slots` slots of `slot_size` bytes each, in a file that has no name.

    Nothing is left behind however either process ends. Pages cost memory once they are written.
    """

    def __init__(self, fd: int, *, slots: int, slot_size: int) -> None:
        self.fd = fd
        self.slots = slots
        self.slot_size = slot_size
        self._map = mmap.mmap(fd, slots * slot_size)
        self._view = memoryview(self._map)

    @classmethod
    def create(cls, *, slots: int, slot_size: int) -> Arena:
        """A new arena; its `fd` can be inherited by a child."""
        fd = anonymous_file(slots * slot_size)
        try:
            return cls(fd, slots=slots, slot_size=slot_size)
        except BaseException:
            os.close(fd)
            raise

    def slot(self, number: int) -> memoryview:
        """The bytes of one slot, writable."""
        start = number * self.slot_size
        return self._view[start : start + self.slot_size]

    def give_back(self, number: int) -> None:
        """Give the memory of a slot back to the system, for nobody needs what lies there."""
        with contextlib.suppress(AttributeError, OSError, ValueError):  # Linux only; whole pages
            self._map.madvise(mmap.MADV_REMOVE, number * self.slot_size, self.slot_size)

    def close(self) -> None:
        """Unmap; views that are still held keep their memory until they go."""
        os.close(self.fd)
        self._view.release()
        with contextlib.suppress(BufferError):  # a view is held, and unmaps when it goes
            self._map.close()


def anonymous_file(size: int = 0) -> int:
    """The descriptor of a file of so many bytes in memory, or unlinked where there is none such.

    The platform may lack it, and a sandbox or an old kernel may refuse it. Raises OSError.
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
    """The same in the folder for temporary files, which TMPDIR names.

    It has its room from the start: where a disk is full later, writing ends the process (SIGBUS).
    """
    with tempfile.TemporaryFile() as file:
        if size:
            os.posix_fallocate(file.fileno(), 0, size)
        return os.dup(file.fileno())
