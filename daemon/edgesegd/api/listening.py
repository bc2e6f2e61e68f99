"""Addresses that the gRPC server listens on."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import grpc.aio

from edgesegd.api.binding import bind_one_port
from edgesegd.api.unix_path import check_unix_path, encode_unix_path
from edgesegd.core.errors import CannotListen, ConfigError

UNIX = "unix:///"
MAX_PORT = 65535
NO_HOST = re.compile(r"[\s\0/\[\]]")


MakeCredentials = Callable[[], grpc.ServerCredentials | None]


def no_credentials() -> None:
    """For a server without TLS."""


class Endpoint(NamedTuple):
    """A family of addresses, and an address of it as sockets take it (with a numeric scope)."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]

    def __str__(self) -> str:
        """As gRPC takes it: the percent sign of a scope is encoded."""
        host, port, *_, scope = *self.sockaddr, 0, 0
        if self.family != socket.AF_INET6:
            return f"{host}:{port}"
        scope = self.sockaddr[3]
        return f"[{host}%25{scope}]:{port}" if scope else f"[{host}]:{port}"


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
        if sys.platform != "linux":  # elsewhere gRPC cannot bind a port that is already bound
            stack.close()
        for endpoint in bound:
            _add(server, address, str(endpoint), make_credentials())
    return f"{host}:{bound[0].sockaddr[1]}"


@contextlib.contextmanager
def listening_privately(server: grpc.aio.Server) -> Iterator[str]:
    """The address of a Unix socket of `server` that only this user's processes can reach."""
    with tempfile.TemporaryDirectory(prefix="edgesegd-", ignore_cleanup_errors=True) as folder:
        yield listen(server, f"{UNIX}{folder.removeprefix('/')}/grpc.sock")


def split_address(address: str) -> tuple[str, int]:
    """Host and port of "HOST:PORT"; raises ConfigError for anything else."""
    host, _, port = address.rpartition(":")
    if why := _why_none(address, host, port):
        raise ConfigError(
            f"{address!r} is not a valid address: {why}; write HOST:PORT or unix:///PATH "
            "(metrics: HOST:PORT only)"
        )
    return host, int(port)


def unix_paths(addresses: Iterable[str]) -> list[str]:
    """The paths of the Unix sockets among `addresses`."""
    return [each.removeprefix("unix://") for each in addresses if each.startswith(UNIX)]


def resolve(host: str, port: int) -> list[Endpoint]:
    """All addresses of `host` (as `split_address` returns it), IPv6 ones with their scope.

    Raises CannotListen if the host is not known, ConfigError if it cannot be the name of one.
    """
    try:
        found = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except UnicodeError:
        raise ConfigError(f"{host!r} is not a valid host name") from None
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {host}:{port}: {host} is not known here ({error.strerror}); "
            "name an address of this machine"
        ) from None
    return list(dict.fromkeys(Endpoint(family, sockaddr) for family, *_, sockaddr in found))


def is_loopback(address: str) -> bool:
    """Whether only this machine can connect to `address`."""
    if address.startswith(UNIX):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _why_none(address: str, host: str, port: str) -> str:
    """Why an address is not HOST:PORT; empty if it is."""
    in_brackets = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if in_brackets else host
    scheme, separator, _ = address.partition("://")
    reasons: Iterable[tuple[bool, str]] = (
        (address.startswith("unix:"), "a path begins with a slash"),
        (bool(separator), f"it cannot begin with {scheme}://"),
        (not bare, "it has no host, such as 127.0.0.1"),
        (bool(NO_HOST.search(bare)), "a host has no spaces, slashes or brackets"),
        (":" in bare and not in_brackets, "an IPv6 address needs brackets, as in [::1]:8460"),
        (not re.fullmatch("[0-9]{1,5}", port), f"{port!r} is not a port"),
        (port.isdecimal() and int(port[:9]) > MAX_PORT, f"the largest port is {MAX_PORT}"),
    )
    return next((why for wrong, why in reasons if wrong), "")


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
