"""Keeps forked processes from using gRPC: after its first use it works only in the parent.

gRPC's asyncio API runs a thread of its own, which a forked child does not have. A child that makes
a call hangs or crashes, and so does one that only destroys a channel (grpcio 1.51 and 1.85). Before
the first call there is no such thread, and gRPC works in the child.
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
    """Knows whether gRPC can be used in this process, and makes it unusable in a forked child."""

    def __init__(self) -> None:
        self.forked = False
        """Whether this process was forked from one that had used gRPC."""
        self._used = False
        self._channels: WeakSet[grpc.aio.Channel] = WeakSet()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
            os.register_at_fork(before=self._before_fork, after_in_child=self._after_fork_in_child)

    def check(self) -> None:
        """Raises `ForkedProcess` if gRPC cannot be used in this process."""
        if self.forked:
            raise ForkedProcess(
                "this process was forked from one that had used an edgeseg client, and gRPC works"
                " in the parent only: make and use clients after the fork (gunicorn: without"
                ' --preload or in post_fork; multiprocessing: with the start method "spawn")'
            )

    def mark_used(self) -> None:
        """Records that gRPC is used from now on; raises like `check`."""
        self.check()
        self._used = True

    def keep_in_parent(self, resource: grpc.aio.Channel | socket.socket) -> None:
        """Registers a channel that a child must not destroy, or a socket that it must close."""
        if isinstance(resource, socket.socket):
            self._sockets.add(resource)
        else:
            self._channels.add(resource)

    def _before_fork(self) -> None:
        """Runs in the parent; warns if gRPC's own fork handlers may crash the child."""
        if self._used and fork_handlers_are_on():
            warnings.warn(
                "gRPC was imported before edgeseg_client and has its fork handlers on, which may"
                " crash processes that are forked after a client was used: import edgeseg_client"
                " first, or set GRPC_ENABLE_FORK_SUPPORT=0",
                RuntimeWarning,
                stacklevel=2,
            )

    def _after_fork_in_child(self) -> None:
        """Runs in the child; must not wait for a lock, which a thread of the parent may hold."""
        self.forked = self.forked or self._used
        if not self.forked:
            return
        for channel in self._channels:  # one more reference, so that it is never destroyed here
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(channel))
        for one in self._sockets:  # else the daemon does not see it when the parent ends
            one.close()
        self._channels.clear()
        self._sockets.clear()


FORK_GUARD: Final = ForkGuard()
"""The guard of this process."""
