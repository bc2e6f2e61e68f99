"""Addresses as people write them, and what they are on this machine."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from typing import Any, NamedTuple

from edgesegd.core.errors import AddressMissing, ConfigError

UNIX = "unix:///"
MAX_PORT = 65535
NO_HOST = re.compile(r"[\s\0/\[\]]")


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

    Raises AddressMissing if the host is not known, ConfigError if it cannot be the name of one.
    """
    try:
        found = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except UnicodeError:
        raise ConfigError(f"{host!r} is not a valid host name") from None
    except OSError as error:
        raise AddressMissing(
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
    is_host = address.endswith("]") or (":" not in address and not address.isdecimal())
    reasons: Iterable[tuple[bool, str]] = (
        (address.startswith("unix:"), "a path begins with a slash"),
        (bool(separator), f"it cannot begin with {scheme}://"),
        (is_host, f"it has no port, as in {address}:8460"),
        (not bare, "it has no host, such as 127.0.0.1"),
        (bool(NO_HOST.search(bare)), "a host has no spaces, slashes or brackets"),
        (":" in bare and not in_brackets, "an IPv6 address needs brackets, as in [::1]:8460"),
        (not re.fullmatch("[0-9]{1,5}", port), f"{port!r} is not a port"),
        (port.isdecimal() and int(port[:9]) > MAX_PORT, f"the largest port is {MAX_PORT}"),
    )
    return next((why for wrong, why in reasons if wrong), "")
