"""Memory shared by the front and one engine: the pixels' way between the two processes."""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile


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
        fd = anonymous_file()
        os.ftruncate(fd, slots * slot_size)
        return cls(fd, slots=slots, slot_size=slot_size)

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


def anonymous_file() -> int:
    """The descriptor of a file in memory, or of an unlinked one where there is no such thing.

    The platform may lack it, and a sandbox or an old kernel may refuse it. Raises OSError.
    """
    with contextlib.suppress(AttributeError, OSError):
        return os.memfd_create("edgeseg")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
