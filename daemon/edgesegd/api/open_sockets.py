"""The sockets of this process's gRPC server, which gRPC keeps to itself."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable

from edgesegd.api.peer import address_of, plain_address
from edgesegd.ipc.open_files import open_descriptors

NONE_FREE = (errno.EMFILE, errno.ENFILE)
INTERNET = (socket.AF_INET, socket.AF_INET6)


def connections_to(peer: str) -> list[socket.socket]:
    """The connection to `peer`, as gRPC names it: "ipv4:10.0.0.7:41234"; none if it has ended."""
    wanted = address_of(peer), int(peer.rpartition(":")[2])

    def is_wanted(found: socket.socket) -> bool:
        host, port, *_ = found.getpeername()
        return (plain_address(host), port) == wanted

    return _find(is_wanted)


def listeners() -> list[socket.socket]:
    """The sockets that listen at internet addresses."""
    return _find(lambda found: bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)))


def _find(is_wanted: Callable[[socket.socket], bool]) -> list[socket.socket]:
    """A second descriptor of each such socket, to be closed by the caller.

    There are none where no descriptor is free.
    """
    wanted: dict[int, socket.socket] = {}
    try:
        for number in open_descriptors():
            # That of the listing itself is closed, and may be a second descriptor by now. Errors:
            # it is none of a socket, or of one that is not connected.
            try:
                if number in wanted or not stat.S_ISSOCK(os.fstat(number).st_mode):
                    continue
                with contextlib.closing(socket.socket(fileno=os.dup(number))) as found:
                    if found.family in INTERNET and is_wanted(found):
                        kept = socket.socket(fileno=found.detach())
                        wanted[kept.fileno()] = kept
            except OSError as error:
                if error.errno in NONE_FREE:
                    raise
    except OSError:
        for found in wanted.values():
            found.close()
        return []
    return list(wanted.values())
