"""A frame in shared memory of its client, which the client may change or shrink at any time.

The memory is not mapped by the daemon: if the client shrinks a mapped file, reading it ends the
process with SIGBUS. It is read and written by system calls, which return how many bytes there were.
"""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass

from edgesegd.core.errors import InvalidFrame, InvalidReason
from edgesegd.ipc.region import RegionFrame

SHORTER = "the segment of shared memory is shorter than when it was registered"


class SharedMemorySegment:
    """`size` bytes of an open file, from `offset` on; the last reference closes the file.

    `writable` is whether results can be written there.
    """

    def __init__(self, descriptor: int, offset: int, size: int, *, writable: bool) -> None:
        self.offset = offset
        self.size = size
        self.writable = writable
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)

    @property
    def is_named(self) -> bool:
        """Whether the file still has a name; if not, its client has unlinked it."""
        return os.fstat(self.descriptor).st_nlink > 0

    def read(self, offset: int, into: memoryview) -> None:
        """Fill `into`, from `offset` on; raises InvalidFrame if the segment became too short."""
        while into:
            try:
                count = os.preadv(self.descriptor, [into], self.offset + offset)
            except OSError as error:
                raise InvalidFrame(
                    f"shared memory cannot be read: {error.strerror}", InvalidReason.SHARED_MEMORY
                ) from None
            if count == 0:
                raise InvalidFrame(SHORTER, InvalidReason.SHARED_MEMORY)
            offset, into = offset + count, into[count:]

    def write(self, offset: int, data: bytes) -> None:
        """Write `data` at `offset`; raises InvalidFrame if that is not possible."""
        if os.fstat(self.descriptor).st_size < self.offset + offset + len(data):
            # A write would make the file longer again.
            raise InvalidFrame(SHORTER, InvalidReason.SHARED_MEMORY)
        rest = memoryview(data)
        while rest:
            try:
                count = os.pwrite(self.descriptor, rest, self.offset + offset)
            except OSError as error:
                raise InvalidFrame(
                    f"shared memory cannot be written: {error.strerror}",
                    InvalidReason.SHARED_MEMORY,
                ) from None
            offset, rest = offset + count, rest[count:]


@dataclass(frozen=True, slots=True)
class SegmentFrame:
    """The `length` bytes of a frame in a segment, from `offset` on, within it.

    They are read when an engine takes the frame. Some are read before, for checks; the client may
    change them in between.
    """

    segment: SharedMemorySegment
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
        """Copy all bytes into `slot`; raises InvalidFrame if the client shrank the segment."""
        self.segment.read(self.offset, slot[: self.length])


FrameBytes = bytes | RegionFrame | SegmentFrame
"""A frame's bytes: from its message, in a leased region, or in a segment."""
