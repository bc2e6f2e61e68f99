"""The sockets of this process's gRPC server, which gRPC keeps to itself."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable, Collection

from edgesegd.api.peer import SocketName, plain_address
from edgesegd.ipc.open_files import open_descriptors

NONE_FREE = (errno.EMFILE, errno.ENFILE)
INTERNET = (socket.AF_INET, socket.AF_INET6)


def connection_names() -> set[SocketName]:
    """The other ends of all connections to internet addresses."""
    names: set[SocketName] = set()

    def note(found: socket.socket) -> bool:
        names.add(_name_of(found))
        return False

    _find(note)
    return names


def close_connections(names: Collection[SocketName]) -> None:
    """Close the connections whose other ends have these names; gRPC notices it."""
    for connection in _find(lambda found: _name_of(found) in names):
        with connection, contextlib.suppress(OSError):  # it has ended already
            connection.shutdown(socket.SHUT_RDWR)


def listeners() -> list[socket.socket]:
    """The sockets that listen at internet addresses."""
    return _find(lambda found: bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)))


def _name_of(connection: socket.socket) -> SocketName:
    """The other end of a connection; raises OSError if there is none."""
    host, port, *_ = connection.getpeername()
    return plain_address(host), port


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
