"""The open files of this process, and those that one passes to another over a socket."""

from __future__ import annotations

import errno
import socket
from array import array
from collections.abc import Sequence
from pathlib import Path

from edgesegd.board.descriptors import descriptor_limit

OPEN = Path("/dev/fd")
"""The descriptors of this process."""
MAX_FILES = 8
"""An engine gets its arena, its model and the model that it is compared with."""


def open_descriptors() -> set[int]:
    """Those that are open, and that of this listing, which is closed by now; raises OSError.

    If this process has as many as it may, no listing can be opened, but all are in use.
    """
    try:
        return {int(path.name) for path in OPEN.iterdir()}
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        return set(range(descriptor_limit()))


def send_files(receiver: socket.socket, descriptors: Sequence[int]) -> None:
    """Pass open files on; both processes know them by the sender's numbers. Raises OSError."""
    socket.send_fds(receiver, [array("i", descriptors).tobytes()], list(descriptors))


def receive_files(sender: socket.socket) -> dict[int, int]:
    """The next files that were passed on: the sender's number of each, and the receiver's."""
    numbers = array("i")
    size = MAX_FILES * numbers.itemsize
    data, received, _, _ = socket.recv_fds(sender, size, MAX_FILES)
    numbers.frombytes(data)
    return dict(zip(numbers, received, strict=True))
