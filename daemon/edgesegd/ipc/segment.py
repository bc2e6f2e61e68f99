"""A frame in shared memory of its client, which the client may change or shrink at any time.

It is never mapped here: a process that reads a mapping of a file that was made shorter ends with
SIGBUS. It is read and written by system calls, which return how much there was.
"""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass

from edgesegd.core.errors import InvalidFrame
from edgesegd.ipc.region import LentFrame

SHORTER = "the segment of shared memory is shorter than when it was registered"


class Segment:
    """`size` bytes from `offset` on of an open file, which is closed with the last reference.

    `writable` is whether results can be put there.
    """

    def __init__(self, descriptor: int, offset: int, size: int, *, writable: bool) -> None:
        self.offset = offset
        self.size = size
        self.writable = writable
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)

    @property
    def is_named(self) -> bool:
        """Whether it can still be opened by a name."""
        return os.fstat(self.descriptor).st_nlink > 0

    def read(self, offset: int, into: memoryview) -> None:
        """Fill `into`, which is within; raises InvalidFrame where that is not there any more."""
        while into:
            try:
                count = os.preadv(self.descriptor, [into], self.offset + offset)
            except OSError as error:
                raise InvalidFrame(f"shared memory cannot be read: {error.strerror}") from None
            if count == 0:
                raise InvalidFrame(SHORTER)
            offset, into = offset + count, into[count:]

    def write(self, offset: int, data: bytes) -> None:
        """Put `data` there, which is within; raises InvalidFrame where it cannot be."""
        if os.fstat(self.descriptor).st_size < self.offset + offset + len(data):
            raise InvalidFrame(SHORTER)  # writing would make it longer again
        rest = memoryview(data)
        while rest:
            try:
                count = os.pwrite(self.descriptor, rest, self.offset + offset)
            except OSError as error:
                raise InvalidFrame(f"shared memory cannot be written: {error.strerror}") from None
            offset, rest = offset + count, rest[count:]


@dataclass(frozen=True, slots=True)
class SegmentFrame:
    """The bytes of a frame in a segment: `length` of them from `offset` on, within it.

    They are read when an engine takes the frame, and some of them before: they may be others then.
    """

    segment: Segment
    offset: int
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> bytes:
        """Some of the bytes; raises InvalidFrame."""
        start, stop, _ = part.indices(self.length)
        found = bytearray(max(0, stop - start))
        self.segment.read(self.offset + start, memoryview(found))
        return bytes(found)

    def read_into(self, slot: memoryview) -> None:
        """Copy all of it; raises InvalidFrame where the client made the segment shorter."""
        self.segment.read(self.offset, slot[: self.length])


FrameBytes = bytes | LentFrame | SegmentFrame
"""A frame's bytes: those of its message, in a region that is lent, or in a segment."""
