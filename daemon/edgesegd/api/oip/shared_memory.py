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
from edgesegd.ipc.segment import Segment
from edgesegd.scheduling.fair_limit import FairLimit

FOLDER = "/dev/shm"  # noqa: S108 # where Linux has them: glibc's shm_open
KEY = re.compile(r"/?(?!sem\.)(?P<file>[^/\0]{1,255})")
"""Files that begin with `sem.` are semaphores, which must not be overwritten."""
TIDY_SECONDS = 10.0
MIN_COUNTED = 1 << 20
"""Bytes that even a smaller region counts as."""
READ, WRITE = 4, 2
"""The permission bits of other users."""


Owner = tuple[str, int]
"""An address of this machine, and the user whose connection it is."""


class Registration(NamedTuple):
    """A region as its client described it."""

    name: str
    key: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class _Registered:
    said: Registration
    segment: Segment
    client: Client
    owner: Owner

    @property
    def counted(self) -> int:
        """Bytes that count: a region costs a descriptor however small it is."""
        return max(self.said.size, MIN_COUNTED)


class NoSharedMemory:
    """Refuses to register regions, because the operator does not allow it."""

    is_served = False

    def register(self, client: Client, said: Registration) -> None:
        """Raises Unimplemented, like the methods below."""
        raise _not_allowed()

    def unregister(self, client: Client, name: str) -> None:
        """As above."""
        raise _not_allowed()

    def registered(self, client: Client, name: str) -> list[Registration]:
        """As above."""
        raise _not_allowed()

    def find(self, client: Client, name: str) -> Segment:
        """As above."""
        raise _not_allowed()


def _not_allowed() -> Unimplemented:
    return Unimplemented(
        "shared memory is not allowed; to allow it, start the daemon with --oip-shared-memory=allow"
    )


class SharedMemory:
    """The registered regions, by their owners and names.

    A user at an address cannot see, use or unregister the regions of another. `limit` counts their
    bytes. When a client has unlinked its segment, the region is forgotten within TIDY_SECONDS.
    """

    is_served = True

    def __init__(self, limit: FairLimit) -> None:
        self._limit = limit
        self._users = UserCache()
        self._regions: dict[tuple[Owner, str], _Registered] = {}
        self._tidying: asyncio.TimerHandle | None = None

    def register(self, client: Client, said: Registration) -> None:
        """Register a region, so that requests can use it.

        Raises InvalidOptions or InvalidFrame if there is no such segment or this client may not
        use it, RegionExists if the name is taken, and Overloaded if there are too many regions.
        """
        if not is_on_this_machine(client):
            raise InvalidOptions("shared memory is for clients on the daemon's own machine")
        if not said.name:
            raise InvalidOptions("a region of shared memory needs a name")
        self._forget_unlinked()
        owner = self._owner(client)
        if (owner, said.name) in self._regions:
            raise RegionExists(f"a region of shared memory {said.name!r} is already registered")
        segment = open_segment(said, owner[1])
        registered = _Registered(said, segment, client, owner)
        self._limit.take(client, registered.counted)
        self._regions[owner, said.name] = registered
        self._tidy_later()

    def unregister(self, client: Client, name: str) -> None:
        """Unregister a region of the client's user, "" for all; ignores an unknown name."""
        for registered in list(self._of(client)):
            if name in ("", registered.said.name):
                self._forget(registered)

    def registered(self, client: Client, name: str) -> list[Registration]:
        """The regions of the client's user, or the one of that name; raises UnknownRegion."""
        if name:
            return [self._find(client, name).said]
        return [each.said for each in self._of(client)]

    def find(self, client: Client, name: str) -> Segment:
        """The region of that name; raises UnknownRegion."""
        return self._find(client, name).segment

    def _find(self, client: Client, name: str) -> _Registered:
        found = self._regions.get((self._owner(client), name)) if self._regions else None
        if found is None:
            raise UnknownRegion(f"no region of shared memory {name!r} is registered")
        return found

    def _of(self, client: Client) -> Iterator[_Registered]:
        owner = self._owner(client) if self._regions else None
        return (each for each in self._regions.values() if each.owner == owner)

    def _owner(self, client: Client) -> Owner:
        return client[0], self._users.user_of(client)

    def _forget(self, registered: _Registered) -> None:
        del self._regions[registered.owner, registered.said.name]
        self._limit.give_back(registered.client, registered.counted)

    def _forget_unlinked(self) -> None:
        for registered in list(self._regions.values()):
            if not registered.segment.is_named:
                self._forget(registered)

    def _tidy_later(self) -> None:
        if self._tidying is None and self._regions:
            loop = asyncio.get_running_loop()
            self._tidying = loop.call_later(TIDY_SECONDS, self._tidy)

    def _tidy(self) -> None:
        self._tidying = None
        self._forget_unlinked()
        self._tidy_later()


def open_segment(said: Registration, user: int) -> Segment:
    """Open the segment that a client names, if it is large enough and the client may use it.

    The daemon may be able to open more files than its clients. So the segment must belong to the
    client's `user`, or its mode must let other users read it (and write it, for results). Raises
    InvalidOptions or InvalidFrame.
    """
    key = KEY.fullmatch(said.key)
    if key is None or key["file"] in (".", ".."):
        raise InvalidOptions(f"{said.key!r} is not a valid name of a segment of shared memory")
    descriptor, writable = _open(key["file"])
    found = os.fstat(descriptor)
    segment = Segment(
        descriptor, said.offset, said.size, writable=writable and _may(found, user, READ | WRITE)
    )
    if not stat.S_ISREG(found.st_mode) or found.st_dev != Path(FOLDER).stat().st_dev:
        raise InvalidOptions(f"{said.key!r} is not a segment of shared memory")
    if not _may(found, user, READ):
        raise InvalidOptions(f"{said.key!r} belongs to another user")
    if said.size < 1 or said.offset + said.size > found.st_size:
        raise InvalidFrame(
            f"{said.size:,} bytes from offset {said.offset:,} are not within the "
            f"{found.st_size:,} bytes of {said.key!r}"
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


def _may(found: os.stat_result, user: int, wanted: int) -> bool:
    """Whether a file's owner and mode let a user use it; groups are not considered."""
    return found.st_uid == user or found.st_mode & wanted == wanted
