"""Addresses that the gRPC server listens on."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import grpc.aio

from edgesegd.api.binding import bind_one_port
from edgesegd.board.addresses import UNIX, resolve, split_address, unix_paths
from edgesegd.board.system import IS_LINUX
from edgesegd.board.unix_path import check_unix_path, encode_unix_path
from edgesegd.core.errors import CannotListen

MakeCredentials = Callable[[], grpc.ServerCredentials | None]


def no_credentials() -> None:
    """For a server without TLS."""


def listen(
    server: grpc.aio.Server, address: str, make_credentials: MakeCredentials = no_credentials
) -> str:
    """Bind `server` to "HOST:PORT" or "unix:///PATH"; returns the address with its real port.

    A host name stands for all addresses that it has here, with the same port. Traffic is encrypted
    with what `make_credentials` returns, except on Unix sockets; each address needs its own, for
    they remember which certificate they have. Raises ConfigError for a malformed address, and
    CannotListen with the reason.
    """
    if address.startswith(UNIX):
        path = address.removeprefix("unix://")
        check_unix_path(address, path)
        _add(server, address, encode_unix_path(path))
        return address
    host, port = split_address(address)
    with contextlib.ExitStack() as stack:
        bound = bind_one_port(address, resolve(host, port), stack)
        if not IS_LINUX:  # elsewhere gRPC cannot bind a port that is already bound
            stack.close()
        for endpoint in bound:
            _add(server, address, str(endpoint), make_credentials())
    return f"{host}:{bound[0].sockaddr[1]}"


def delete_sockets(addresses: Sequence[str]) -> None:
    """Delete the Unix sockets of a server that never started: gRPC deletes those of others."""
    for path in unix_paths(addresses):
        with contextlib.suppress(OSError):
            Path(path).unlink()


@contextlib.contextmanager
def listening_privately(server: grpc.aio.Server) -> Iterator[str]:
    """The address of a Unix socket of `server` that only this user's processes can reach."""
    with tempfile.TemporaryDirectory(prefix="edgesegd-", ignore_cleanup_errors=True) as folder:
        yield listen(server, f"{UNIX}{folder.removeprefix('/')}/grpc.sock")


def _add(
    server: grpc.aio.Server,
    address: str,
    encoded: str,
    credentials: grpc.ServerCredentials | None = None,
) -> None:
    """Add an address that was found to be free to the server; if it fails, gRPC says no reason."""
    try:
        if credentials is None:
            port = server.add_insecure_port(encoded)
        else:
            port = server.add_secure_port(encoded, credentials)
    except RuntimeError:
        port = 0
    if port == 0:
        raise CannotListen(
            f"cannot listen on {address}: gRPC refuses {encoded}; choose another with --listen"
        )
