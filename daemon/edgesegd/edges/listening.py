"""Addresses that the gRPC server listens on."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import stat

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
        remove_left_socket(address.removeprefix("unix://"))
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


def remove_left_socket(path: str) -> None:
    """Remove the socket that a process left which was killed.

    Raises CannotListen where somebody answers at it, or where anything else lies at `path`.
    """
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise CannotListen(
                f"cannot listen on {path}: something else lies there; remove it, or choose another"
            )
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PROBE_SECONDS)
            probe.connect(path)
    except FileNotFoundError:
        return
    except ConnectionRefusedError:  # nobody is there any more
        os.unlink(path)  # noqa: PTH108 # of a socket
        return
    except TimeoutError:  # somebody, who is busy
        pass
    except OSError:  # as binding will tell
        return
    raise CannotListen(f"cannot listen on {path}: another process does; choose another path")


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
