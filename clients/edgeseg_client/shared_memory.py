"""Memory that a daemon on the same board shares with the client, so frames need no messages."""

from __future__ import annotations

import asyncio
import json
import logging
import mmap
import os
import socket
import time
from typing import Final

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.errors import InvalidRequest, Overloaded, Unavailable
from edgeseg_client.fork_guard import FORK_GUARD

DEFAULT_BYTES: Final = 32 << 20
"""The default size of a region: four 1080p frames with four bytes per pixel."""
SLOTS: Final = 4
"""How many frames a region holds at once; the bytes of others are sent in their messages."""

RETRY_SECONDS: Final = 1.0
"""The time after a refusal until the client asks for a region again, if the daemon gives none."""

log = logging.getLogger(__name__)

_MAX_ANSWER_BYTES: Final = 4096
_TIMEOUT_SECONDS: Final = 10.0


class Slot:
    """Space for one frame, until it is released or garbage-collected; `view` is its memory."""

    def __init__(self, region: Region, number: int, view: memoryview) -> None:
        self.region = region
        self.view = view
        self._number = number
        self._held = True

    def __del__(self) -> None:
        self.release()

    def handle(self, length: int) -> pb.SharedMemoryHandle:
        """The handle of the first `length` bytes, as it is sent to the daemon."""
        offset = self._number * self.region.slot_size
        return pb.SharedMemoryHandle(region=self.region.number, offset=offset, length=length)

    def release(self) -> None:
        """Frees the slot for another frame. May be called twice."""
        if self._held:
            self._held = False
            self.region.release(self._number)


class Region:
    """A leased region, divided into SLOTS slots of `slot_size` bytes. Thread-safe.

    `number` identifies it to the daemon. The lease lasts while `connection` is open. The memory
    stays mapped while any slot or array refers to it.
    """

    def __init__(self, connection: socket.socket, number: int, size: int, descriptor: int) -> None:
        self.number = number
        self.slot_size = size // SLOTS
        self._connection = connection
        FORK_GUARD.keep_in_parent(connection)
        connection.setblocking(False)
        self._memory = memoryview(mmap.mmap(descriptor, size))
        # Without a lock, which might be held during a fork: operations of a set are atomic.
        self._free_slots = set(range(SLOTS))

    @property
    def alive(self) -> bool:
        """Whether the daemon still holds the connection open."""
        if self._connection.fileno() < 0:
            return False
        try:
            return bool(self._connection.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def allocate(self, size: int) -> Slot | None:
        """A free slot for `size` bytes; None if all are in use, or too small."""
        if size > self.slot_size:
            return None
        try:
            number = self._free_slots.pop()
        except KeyError:
            return None
        start = number * self.slot_size
        return Slot(self, number, self._memory[start : start + self.slot_size])

    def release(self, number: int) -> None:
        """Marks a slot as free; its frame was answered."""
        self._free_slots.add(number)

    def close(self) -> None:
        """Ends the lease."""
        self._connection.close()


def lease_region(path: str, size: int) -> Region:
    """Leases a region of `size` bytes from the daemon that listens at `path`.

    Raises `Unavailable` if no daemon answers, `InvalidRequest` if the daemon refuses such a region
    for good, and `Overloaded` if it refuses it because other clients use the memory now.
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
                error = f"the daemon refuses shared memory: {answer['error']}"
                if "retry_after" in answer:
                    raise Overloaded(error, float(answer["retry_after"]))
                raise InvalidRequest(error)
            return Region(connection, answer["region"], answer["bytes"], descriptors[0])
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
    except (OSError, ValueError, LookupError) as error:
        connection.close()
        raise Unavailable(f"shared memory is not available at {path}: {error}") from error
    except BaseException:
        connection.close()
        raise


class RegionLease:
    """Holds a leased region, and leases a new one after the daemon was lost.

    `region` is the current one. It is None before the first lease, and for a while after the daemon
    refused one because its memory is in use; frames are sent in messages then.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._renewing = asyncio.Lock()
        self._refused_until = 0.0
        self.region: Region | None = None

    @property
    def needs_renewal(self) -> bool:
        """Whether to lease a region now: none is alive, and the wait after a refusal is over."""
        if self.region is not None and self.region.alive:
            return False
        return time.monotonic() >= self._refused_until

    async def renew(self, path: str) -> Region | None:
        """Leases a region from the daemon at `path`, if that is needed; returns the current one.

        Returns None if the daemon refuses it for now. Otherwise raises like `lease_region`.
        """
        if not path:
            raise InvalidRequest(
                "this daemon has no shared memory for clients: it must listen on unix:///PATH on"
                " this machine, with shared_memory_bytes above 0; otherwise leave shared_memory out"
            )
        async with self._renewing:
            if self.needs_renewal:
                self.close()
                try:
                    self.region = await asyncio.to_thread(lease_region, path, self._size)
                except Overloaded as refused:
                    self._refused_until = time.monotonic() + (refused.retry_after or RETRY_SECONDS)
                    log.warning("%s; until then frames are sent in messages", refused)
            return self.region

    def close(self) -> None:
        """Ends the lease of the current region, if any."""
        if self.region is not None:
            self.region.close()
            self.region = None


def lease_for(shared_memory: bool | int) -> RegionLease | None:
    """The lease for a client's `shared_memory`; raises `InvalidRequest` if that is not valid."""
    if shared_memory is False:
        return None
    size = DEFAULT_BYTES if shared_memory is True else shared_memory
    if not isinstance(size, int) or size < SLOTS:
        raise InvalidRequest(f"shared_memory is True or a number of bytes, not {shared_memory!r}")
    return RegionLease(size)
