"""Segments of POSIX shared memory that clients on this machine registered."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edgesegd.api.peer import is_on_this_machine
from edgesegd.api.peer_user import UserCache
from edgesegd.core.client import Client
from edgesegd.core.errors import (
    InvalidFrame,
    InvalidOptions,
    RegionExists,
    Unimplemented,
    UnknownRegion,
)
from edgesegd.ipc.segment import SharedMemorySegment
from edgesegd.scheduling.fair_limit import FairLimit

FOLDER = "/dev/shm"  # noqa: S108 # where Linux has them: glibc's shm_open
KEY = re.compile(r"/?(?!sem\.)(?P<file>[^/\0]{1,255})")
"""Files that begin with `sem.` are semaphores, which must not be overwritten."""
CLEANUP_SECONDS = 10.0
MIN_COUNTED = 1 << 20
"""Bytes that even a smaller region counts as."""
READ, WRITE = 4, 2
"""The permission bits of other users."""


Owner = tuple[str, int]
"""An address of this machine, and the user that the connection belongs to."""


class Registration(NamedTuple):
    """A region as its client described it."""

    name: str
    key: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class _Region:
    """A registered region; `owner` may use it, and its bytes count for `client`."""

    registration: Registration
    segment: SharedMemorySegment
    client: Client
    owner: Owner

    @property
    def counted(self) -> int:
        """Bytes that count for the limit: even a small region costs a descriptor."""
        return max(self.registration.size, MIN_COUNTED)


class NoSharedMemory:
    """Refuses to register regions, because the operator does not allow it."""

    is_served = False

    def register(self, client: Client, registration: Registration) -> None:
        """Raises Unimplemented, like the methods below."""
        raise _not_allowed()

    def unregister(self, client: Client, name: str) -> None:
        """As above."""
        raise _not_allowed()

    def registered(self, client: Client, name: str) -> list[Registration]:
        """As above."""
        raise _not_allowed()

    def find(self, client: Client, name: str) -> SharedMemorySegment:
        """As above."""
        raise _not_allowed()


def _not_allowed() -> Unimplemented:
    return Unimplemented(
        "shared memory is not allowed; to allow it, start the daemon with --oip-shared-memory=allow"
    )


class SharedMemory:
    """The registered regions, by their owners and names.

    A user at an address cannot see, use or unregister the regions of another. `limit` counts their
    bytes. When a client has unlinked its segment, the region is forgotten within CLEANUP_SECONDS.
    """

    is_served = True

    def __init__(self, limit: FairLimit) -> None:
        self._limit = limit
        self._users = UserCache()
        self._regions: dict[tuple[Owner, str], _Region] = {}
        self._cleanup: asyncio.TimerHandle | None = None

    def register(self, client: Client, registration: Registration) -> None:
        """Register a region, so that requests can use it.

        Raises InvalidOptions or InvalidFrame if there is no such segment or this client may not
        use it, RegionExists if the name is taken, and Overloaded if there are too many regions.
        """
        if not is_on_this_machine(client):
            raise InvalidOptions("shared memory is for clients on the daemon's own machine")
        if not registration.name:
            raise InvalidOptions("a region of shared memory needs a name")
        self._forget_unlinked()
        owner = self._owner(client)
        if (owner, registration.name) in self._regions:
            raise RegionExists(
                f"a region of shared memory {registration.name!r} is already registered"
            )
        segment = open_segment(registration, owner[1])
        region = _Region(registration, segment, client, owner)
        self._limit.take(client, region.counted)
        self._regions[owner, registration.name] = region
        self._clean_up_later()

    def unregister(self, client: Client, name: str) -> None:
        """Unregister a region of the client's user, "" for all; ignores an unknown name."""
        for region in list(self._of(client)):
            if name in ("", region.registration.name):
                self._forget(region)

    def registered(self, client: Client, name: str) -> list[Registration]:
        """The regions of the client's user, or the one of that name; raises UnknownRegion."""
        if name:
            return [self._find(client, name).registration]
        return [each.registration for each in self._of(client)]

    def find(self, client: Client, name: str) -> SharedMemorySegment:
        """The region of that name; raises UnknownRegion."""
        return self._find(client, name).segment

    def _find(self, client: Client, name: str) -> _Region:
        found = self._regions.get((self._owner(client), name)) if self._regions else None
        if found is None:
            raise UnknownRegion(f"no region of shared memory {name!r} is registered")
        return found

    def _of(self, client: Client) -> Iterator[_Region]:
        owner = self._owner(client) if self._regions else None
        return (each for each in self._regions.values() if each.owner == owner)

    def _owner(self, client: Client) -> Owner:
        return client[0], self._users.user_of(client)

    def _forget(self, region: _Region) -> None:
        del self._regions[region.owner, region.registration.name]
        self._limit.release(region.client, region.counted)

    def _forget_unlinked(self) -> None:
        for region in list(self._regions.values()):
            if not region.segment.is_named:
                self._forget(region)

    def _clean_up_later(self) -> None:
        if self._cleanup is None and self._regions:
            loop = asyncio.get_running_loop()
            self._cleanup = loop.call_later(CLEANUP_SECONDS, self._clean_up)

    def _clean_up(self) -> None:
        self._cleanup = None
        self._forget_unlinked()
        self._clean_up_later()


def open_segment(registration: Registration, user: int) -> SharedMemorySegment:
    """Open the segment that a client names, if it is large enough and the client may use it.

    The daemon may be able to open more files than its clients. So the segment must belong to the
    client's `user`, or its mode must let other users read it (for results also write it). Raises
    InvalidOptions or InvalidFrame.
    """
    key = KEY.fullmatch(registration.key)
    if key is None or key["file"] in (".", ".."):
        raise InvalidOptions(
            f"{registration.key!r} is not a valid name of a segment of shared memory"
        )
    descriptor, writable = _open(key["file"])
    found = os.fstat(descriptor)
    segment = SharedMemorySegment(
        descriptor,
        registration.offset,
        registration.size,
        writable=writable and _has_permission(found, user, READ | WRITE),
    )
    if not stat.S_ISREG(found.st_mode) or found.st_dev != Path(FOLDER).stat().st_dev:
        raise InvalidOptions(f"{registration.key!r} is not a segment of shared memory")
    if not _has_permission(found, user, READ):
        raise InvalidOptions(f"{registration.key!r} belongs to another user")
    if registration.size < 1 or registration.offset + registration.size > found.st_size:
        raise InvalidFrame(
            f"{registration.size:,} bytes from offset {registration.offset:,} are not within the "
            f"{found.st_size:,} bytes of {registration.key!r}"
        )
    return segment


def _open(file: str) -> tuple[int, bool]:
    """Open a segment's file; returns its descriptor, and whether it can be written."""
    careful = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    path = f"{FOLDER}/{file}"
    try:
        try:
            return os.open(path, os.O_RDWR | careful), True
        except PermissionError:
            return os.open(path, os.O_RDONLY | careful), False
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InvalidOptions(f"shared memory {file!r} cannot be opened: {why}") from None


def _has_permission(found: os.stat_result, user: int, wanted: int) -> bool:
    """Whether a file's owner and mode give a user those permissions; groups are not considered."""
    return found.st_uid == user or found.st_mode & wanted == wanted
