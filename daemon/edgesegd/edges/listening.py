"""Addresses that the gRPC server listens on."""

from __future__ import annotations

import ipaddress
import re

import grpc.aio

from edgesegd.core.errors import CannotListen, ConfigError

UNIX = "unix://"


def listen(server: grpc.aio.Server, address: str) -> str:
    """Bind `server` to "HOST:PORT" or "unix:///PATH"; the address with its real port.

    Raises ConfigError for a malformed address, CannotListen where it is taken or not ours.
    """
    if not address.startswith(UNIX) and not re.fullmatch(r".+:\d{1,5}", address):
        raise ConfigError(f"{address!r} is no address; write HOST:PORT or unix:///PATH")
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if port == 0:
        raise CannotListen(
            f"cannot listen on {address}: it is in use, or not an address of this machine; "
            "choose another with --listen"
        )
    if address.startswith(UNIX):
        return address
    return f"{address.rpartition(':')[0]}:{port}"


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
