"""Addresses that the gRPC server listens on."""

from __future__ import annotations

import ipaddress
import re
import socket

import grpc.aio

from edgesegd.core.errors import CannotListen, ConfigError

UNIX = "unix:///"
PROBE_SECONDS = 1.0
LARGEST_PORT = 65535


def listen(server: grpc.aio.Server, address: str) -> str:
    """Bind `server` to "HOST:PORT" or "unix:///PATH"; the address with its real port.

    Raises ConfigError for a malformed address, CannotListen where it is taken or not ours.
    """
    if address.startswith(UNIX):
        _refuse_to_displace(address)
    else:
        split_address(address)
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


def split_address(address: str) -> tuple[str, int]:
    """Host and port of "HOST:PORT"; raises ConfigError for anything else."""
    host, _, port = address.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > LARGEST_PORT:
        raise ConfigError(
            f"{address!r} is no address; write HOST:PORT or unix:///PATH "
            f"(metrics: HOST:PORT only); ports end at {LARGEST_PORT}"
        )
    return host, int(port)


def _refuse_to_displace(address: str) -> None:
    """Raise CannotListen where somebody answers at a socket; gRPC would take its place."""
    path = address.removeprefix("unix://")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(path)
        except TimeoutError:  # somebody, who is busy
            pass
        except OSError:  # nobody, or a socket that a dead process left
            return
    raise CannotListen(f"cannot listen on {address}: another process does; choose another path")


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
