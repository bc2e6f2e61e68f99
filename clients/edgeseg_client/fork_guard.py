"""What a fork does to clients: once gRPC was used, they work in the parent only.

gRPC's asyncio side lives in a thread of its own, which no child of the process has. A child that
makes a call waits for ever or crashes, and so does one that only lets go of a channel (grpcio 1.51
and 1.85 alike). Before its first call gRPC has no such thread, and the child is as good as new.
"""

from __future__ import annotations

import ctypes
import os
import socket
import warnings
from typing import Final
from weakref import WeakSet

import grpc

from edgeseg_client.errors import ForkedProcess
from edgeseg_client.grpc_import import fork_handlers_are_on


class ForkGuard:
    """Knows whether gRPC can be used in this process, and cuts a child off from its parent's."""

    def __init__(self) -> None:
        self.forked = False
        """Whether this process was forked from one that had used gRPC."""
        self._used = False
        self._channels: WeakSet[grpc.aio.Channel] = WeakSet()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
            os.register_at_fork(before=self._before_fork, after_in_child=self._after_fork_in_child)

    def check(self) -> None:
        """Raises `ForkedProcess` where gRPC cannot be used in this process."""
        if self.forked:
            raise ForkedProcess(
                "this process was forked from one that had used an edgeseg client, and gRPC works"
                " in the parent only: make and use clients after the fork (gunicorn: without"
                ' --preload or in post_fork; multiprocessing: with the start method "spawn")'
            )

    def mark_used(self) -> None:
        """Notes that gRPC is used from now on; raises as `check`."""
        self.check()
        self._used = True

    def keep_in_parent(self, resource: grpc.aio.Channel | socket.socket) -> None:
        """Notes a channel that no child may let go of, or a socket that no child may keep."""
        if isinstance(resource, socket.socket):
            self._sockets.add(resource)
        else:
            self._channels.add(resource)

    def _before_fork(self) -> None:
        """In the parent, before it forks: the child may crash whatever it does."""
        if self._used and fork_handlers_are_on():
            warnings.warn(
                "gRPC was imported before edgeseg_client, with its handlers of forks, which crash"
                " forked processes once a client was used: import edgeseg_client first, or set"
                " GRPC_ENABLE_FORK_SUPPORT=0",
                RuntimeWarning,
                stacklevel=2,
            )

    def _after_fork_in_child(self) -> None:
        """In the child; nothing here may wait for what a thread of the parent holds."""
        self.forked = self.forked or self._used
        if not self.forked:
            return
        for channel in self._channels:  # a reference too many: it is never destroyed here
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(channel))
        for one in self._sockets:  # the daemon is to see when the parent is gone
            one.close()
        self._channels.clear()
        self._sockets.clear()


FORK_GUARD: Final = ForkGuard()
"""The one of the process."""
