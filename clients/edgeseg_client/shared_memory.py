"""Memory that the daemon on this board lends for frames, so that their bytes cross no socket."""

from __future__ import annotations

import asyncio
import json
import logging
import mmap
import os
import socket
import time
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.errors import InvalidRequest, Overloaded, Unavailable
from edgeseg_client.fork_guard import FORK_GUARD
from edgeseg_client.frame import RawFormat, RawImage

DEFAULT_BYTES: Final = 32 << 20
"""A region, where nothing else is said: four frames of 1080p at four bytes a pixel."""
SLOTS: Final = 4
"""Frames that a region has room for; more of them travel in their messages."""

RETRY_SECONDS: Final = 1.0
"""After which memory is asked for again, where the daemon does not say."""

log = logging.getLogger(__name__)

_MAX_ANSWER_BYTES: Final = 4096
_TIMEOUT_SECONDS: Final = 10.0
_LAYOUTS: Final[dict[RawFormat, tuple[int, int, int]]] = {
    # Bytes of a pixel of the first plane, and all rows as a share of the height.
    "rgb": (3, 1, 1),
    "bgr": (3, 1, 1),
    "rgba": (4, 1, 1),
    "gray8": (1, 1, 1),
    "nv12": (1, 3, 2),
    "i420": (1, 3, 2),
    "yuyv": (2, 1, 1),
}
_HALF_WIDTH: Final = ("nv12", "i420", "yuyv")
_HALF_HEIGHT: Final = ("nv12", "i420")


class Slot:
    """Room for one frame, until it is released or forgotten; `view` are its bytes."""

    def __init__(self, region: Region, number: int, view: memoryview) -> None:
        self.region = region
        self.view = view
        self._number = number
        self._held = True

    def __del__(self) -> None:
        self.release()

    def handle(self, length: int) -> pb.SharedMemoryHandle:
        """What the daemon is told of the first `length` bytes."""
        offset = self._number * self.region.slot_size
        return pb.SharedMemoryHandle(region=self.region.number, offset=offset, length=length)

    def release(self) -> None:
        """Let another frame use it. May be called twice."""
        if self._held:
            self._held = False
            self.region.release(self._number)


class Region:
    """A region that is lent, cut into SLOTS slots of `slot_size` bytes. For several threads.

    `number` is its name. It is this client's for as long as `connection` is open; the memory itself
    stays for as long as somebody uses it.
    """

    def __init__(self, connection: socket.socket, number: int, size: int, descriptor: int) -> None:
        self.number = number
        self.slot_size = size // SLOTS
        self._connection = connection
        FORK_GUARD.keep_in_parent(connection)
        connection.setblocking(False)
        self._memory = memoryview(mmap.mmap(descriptor, size))
        # No lock, which a fork might find held: a set's own steps cannot be divided.
        self._free_slots = set(range(SLOTS))

    @property
    def alive(self) -> bool:
        """Whether the daemon that lent it is still there."""
        if self._connection.fileno() < 0:
            return False
        try:
            return bool(self._connection.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def allocate(self, size: int) -> Slot | None:
        """Room for `size` bytes; None where there is none."""
        if size > self.slot_size:
            return None
        try:
            number = self._free_slots.pop()
        except KeyError:
            return None
        start = number * self.slot_size
        return Slot(self, number, self._memory[start : start + self.slot_size])

    def release(self, number: int) -> None:
        """The frame that was there is answered."""
        self._free_slots.add(number)

    def close(self) -> None:
        """Give the region back."""
        self._connection.close()


def lease_region(path: str, size: int) -> Region:
    """A region of `size` bytes from the daemon that lends at `path`.

    Raises `Unavailable` where nobody does, `InvalidRequest` where it never will, `Overloaded` where
    others have it all.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_TIMEOUT_SECONDS)
        connection.connect(path)
        connection.sendall(json.dumps({"bytes": size}).encode() + b"\n")
        line, descriptors, _, _ = socket.recv_fds(connection, _MAX_ANSWER_BYTES, 1)
        try:
            answer = json.loads(line)
            if not descriptors:
                error = f"the daemon lends no memory: {answer['error']}"
                if "retry_after" in answer:
                    raise Overloaded(error, float(answer["retry_after"]))
                raise InvalidRequest(error)
            return Region(connection, answer["region"], answer["bytes"], descriptors[0])
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
    except (OSError, ValueError, LookupError) as error:
        connection.close()
        raise Unavailable(f"no memory can be borrowed at {path}: {error}") from error
    except BaseException:
        connection.close()
        raise


class RegionLease:
    """Sees to it that there is a region, a new one after each loss of the daemon.

    `region` is the one there is now. Where the daemon has lent all that it has there is none for a
    while, and frames travel in their messages.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._renewing = asyncio.Lock()
        self._refused_until = 0.0
        self.region: Region | None = None

    @property
    def needs_renewal(self) -> bool:
        """Whether to ask for a region now: there is none, and no refusal says to wait."""
        if self.region is not None and self.region.alive:
            return False
        return time.monotonic() >= self._refused_until

    async def renew(self, path: str) -> Region | None:
        """The region, from the daemon that lends at `path`; None where it has none for now.

        Raises as `lease_region` does otherwise.
        """
        if not path:
            raise InvalidRequest(
                "this daemon lends no memory: it must listen on unix:///PATH on this machine, "
                "with shared_memory_bytes above 0; leave shared_memory out otherwise"
            )
        async with self._renewing:
            if self.needs_renewal:
                self.close()
                try:
                    self.region = await asyncio.to_thread(lease_region, path, self._size)
                except Overloaded as refused:
                    self._refused_until = time.monotonic() + (refused.retry_after or RETRY_SECONDS)
                    log.warning("%s; frames travel in their messages meanwhile", refused)
            return self.region

    def close(self) -> None:
        """Give back what there is."""
        if self.region is not None:
            self.region.close()
            self.region = None


def lease_for(shared_memory: bool | int) -> RegionLease | None:
    """The lease that a client's argument means; raises `InvalidRequest` for a silly size."""
    if shared_memory is False:
        return None
    size = DEFAULT_BYTES if shared_memory is True else shared_memory
    if not isinstance(size, int) or size < SLOTS:
        raise InvalidRequest(f"shared_memory is True or a number of bytes, not {shared_memory!r}")
    return RegionLease(size)


class FrameBuffer:
    """A raw frame to be filled in place and sent once, best as soon as it is filled.

    `data` are its bytes, row by row without padding; `array` the same as (height, width, channels)
    or, for formats of several planes, as (rows, width). It lies in shared memory where there is
    room for it, else in ordinary memory; then it travels in its message.
    """

    def __init__(
        self, width: int, height: int, pixel_format: RawFormat, region: Region | None
    ) -> None:
        if pixel_format not in _LAYOUTS:
            raise InvalidRequest(
                f"there is no format {pixel_format!r}; there are: {', '.join(_LAYOUTS)}"
            )
        if width < 1 or height < 1:
            raise InvalidRequest(f"a picture of {width}x{height} pixels is empty")
        if pixel_format in _HALF_WIDTH and width % 2:
            raise InvalidRequest(f"{pixel_format} frames have an even width, not {width}")
        if pixel_format in _HALF_HEIGHT and height % 2:
            raise InvalidRequest(f"{pixel_format} frames have an even height, not {height}")
        channels, rows, per = _LAYOUTS[pixel_format]
        size = width * channels * height * rows // per
        self._used = False
        self.slot = region.allocate(size) if region is not None else None
        whole = memoryview(bytearray(size)) if self.slot is None else self.slot.view
        self.data = whole[:size]
        self.image = RawImage(self.data, pixel_format, width, height)
        shape = (height, width, channels) if rows == per else (height * rows // per, width)
        self.array: npt.NDArray[np.uint8] = np.frombuffer(self.data, np.uint8).reshape(shape)

    def send(self) -> Slot | None:
        """The slot that goes with it, now that it is sent; raises `InvalidRequest` the second time.

        Once it is answered another frame may lie there.
        """
        if self._used:
            raise InvalidRequest(
                "a frame buffer is sent once, or discarded; ask for another with frame_buffer()"
            )
        self._used = True
        slot, self.slot = self.slot, None
        return slot

    def discard(self) -> None:
        """Give its room back, where it is not to be sent."""
        self._used = True
        if self.slot is not None:
            self.slot.release()
            self.slot = None
