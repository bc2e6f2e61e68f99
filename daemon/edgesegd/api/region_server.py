"""A Unix socket on which clients lease shared memory, because gRPC cannot carry a descriptor.

A client sends one line of JSON, `{"bytes": N}`, and gets one back: `{"region": ID, "bytes": N}`
with the region's descriptor, or `{"error": "…"}`, with `"retry_after"` in seconds if it should try
again later. The lease ends with the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Sequence

from edgesegd.api.peer import local_client
from edgesegd.api.region_leases import RegionLeases
from edgesegd.board.addresses import unix_paths
from edgesegd.board.unix_path import check_unix_path
from edgesegd.concurrency.background_tasks import BackgroundTasks
from edgesegd.core.errors import CannotListen, EdgesegError, InvalidFrame, Overloaded
from edgesegd.ipc.region import Region, why_not_available

log = logging.getLogger(__name__)

SUFFIX = ".memory"
"""Is appended to the path of the gRPC socket."""
MAX_REQUEST = 256
REQUEST_SECONDS = 5.0
MAX_CLIENTS = 64


class RegionServers:
    """Leases `regions` on a socket next to each Unix socket that gRPC listens on."""

    def __init__(self, regions: RegionLeases) -> None:
        self._regions = regions
        self._servers: list[RegionServer] = []

    @property
    def path(self) -> str:
        """The path of the first socket; empty if there is none."""
        return self._servers[0].path if self._servers else ""

    def start(self, addresses: Sequence[str]) -> list[str]:
        """Start one for each Unix socket in `addresses`; none if memory cannot be shared here.

        Returns the paths of their sockets. Raises CannotListen.
        """
        sockets = unix_paths(addresses)
        if sockets and (why := why_not_available()):
            log.warning("shared memory is not available to clients: %s", why)
            return []
        self._servers = [RegionServer(path + SUFFIX, self._regions) for path in sockets]
        for server in self._servers:
            server.start()
        return [server.path for server in self._servers]

    async def close(self) -> None:
        """End all leases and stop listening."""
        for server in self._servers:
            await server.close()


class RegionServer:
    """Leases `regions` to clients that connect to `path`."""

    def __init__(self, path: str, regions: RegionLeases) -> None:
        self.path = path
        self._regions = regions
        self._tasks = BackgroundTasks()
        self._socket = socket.socket(socket.AF_UNIX)
        self._is_bound = False

    def start(self) -> None:
        """Listen; raises CannotListen, also if the path exists and is not an abandoned socket."""
        check_unix_path(self.path, self.path)
        try:
            self._socket.setblocking(False)
            self._socket.bind(self.path)
            self._socket.listen()
        except OSError as error:
            self._socket.close()
            raise CannotListen(f"cannot listen on {self.path}: {error.strerror}") from None
        self._tasks.start(self._accept())
        self._is_bound = True

    async def close(self) -> None:
        """End all leases and stop listening."""
        await self._tasks.cancel()
        self._socket.close()
        if self._is_bound:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)  # noqa: PTH108 # as above

    async def _accept(self) -> None:
        while True:
            try:
                client, _ = await asyncio.get_running_loop().sock_accept(self._socket)
            except Exception as error:  # noqa: BLE001 # no descriptor is left, or no memory
                log.warning("a client cannot lease shared memory: %s", error)
                await asyncio.sleep(1)
                continue
            self._tasks.start(self._serve(client))

    async def _serve(self, client: socket.socket) -> None:
        with client:
            client.setblocking(False)
            try:
                size = await self._read_request(client)
                region = self._regions.allocate(size, local_client(client))
            except (EdgesegError, OSError, TimeoutError) as error:
                with contextlib.suppress(OSError):
                    client.send(_refusal(error))
                return
            try:
                _hand_over(client, region)
                # Wait until the client closes the connection.
                while await asyncio.get_running_loop().sock_recv(client, MAX_REQUEST):
                    pass
            except OSError:  # the client has left
                pass
            finally:
                self._regions.release(region)
                del region  # the last reference, if no frame waits in it

    async def _read_request(self, client: socket.socket) -> int:
        """How many bytes the client asks for."""
        if len(self._tasks) - 1 > MAX_CLIENTS:  # one accepts
            raise Overloaded(f"{MAX_CLIENTS} clients already have a region", 1.0)
        line = b""
        async with asyncio.timeout(REQUEST_SECONDS):
            while not line.endswith(b"\n") and len(line) < MAX_REQUEST:
                more = await asyncio.get_running_loop().sock_recv(client, MAX_REQUEST)
                line += more
                if not more:
                    break
        try:
            size = json.loads(line)["bytes"]
        except (ValueError, LookupError, TypeError, RecursionError):
            size = None
        if type(size) is not int:
            raise InvalidFrame('send one line of JSON: {"bytes": N}')
        return size


def _refusal(error: Exception) -> bytes:
    answer: dict[str, object] = {"error": str(error)}
    if isinstance(error, Overloaded):
        answer["retry_after"] = error.retry_after
    return json.dumps(answer).encode() + b"\n"


def _hand_over(client: socket.socket, region: Region) -> None:
    answer = {"region": region.number, "bytes": region.size}
    socket.send_fds(client, [json.dumps(answer).encode() + b"\n"], [region.descriptor])
