"""The sockets of this process's gRPC server, which gRPC keeps to itself.

They are found by their descriptors and used in place, for there may be no free descriptor.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Callable, Collection, Iterator

from edgesegd.api.peer import SocketName, plain_address
from edgesegd.ipc.open_files import open_descriptors

INTERNET = (socket.AF_INET, socket.AF_INET6)


def connection_names() -> set[SocketName]:
    """The other ends of all connections to internet addresses; raises OSError."""
    names: set[SocketName] = set()
    for found in _sockets():
        with contextlib.suppress(OSError):  # it is not connected
            names.add(_name_of(found))
    return names


def close_connections(names: Collection[SocketName]) -> None:
    """Close the connections whose other ends have these names; gRPC notices it.

    Raises OSError if the sockets cannot be listed.
    """
    for found in _sockets():
        with contextlib.suppress(OSError):  # it is not connected, or has ended already
            if _name_of(found) in names:
                found.shutdown(socket.SHUT_RDWR)


def for_listeners(action: Callable[[socket.socket], None]) -> bool:
    """Do something with each socket that listens at an internet address.

    Returns whether there are any. Raises OSError if the sockets cannot be listed.
    """
    listening = False
    for found in _sockets():
        with contextlib.suppress(OSError):
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                listening = True
                action(found)
    return listening


def _name_of(connection: socket.socket) -> SocketName:
    """The other end of a connection; raises OSError if there is none."""
    host, port, *_ = connection.getpeername()
    return plain_address(host), port


def _sockets() -> Iterator[socket.socket]:
    """Each socket of an internet address, to be used until the next one is asked for."""
    for number in open_descriptors():
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            found = socket.socket(fileno=number)
        except OSError:  # it is closed by now
            continue
        try:
            if found.family in INTERNET:
                yield found
        finally:
            found.detach()  # gRPC closes it
