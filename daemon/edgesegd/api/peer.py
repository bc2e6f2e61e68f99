"""Identifies a client by its connection."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from edgesegd.board.peer_credentials import credentials_of
from edgesegd.core.client import Client

WITH_PORT = ("ipv4", "ipv6")
LOOPBACKS = ("ipv6:[::1]", "ipv6:[::ffff:127.0.0.1]")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
SocketName = tuple[IpAddress, int]
"""An address and a port."""


def client_of(peer: str) -> Client:
    """The client of a call from `peer`, as gRPC names it: "ipv4:10.0.0.7:41234".

    For a Unix socket gRPC gives only its path, so all programs that use it are one client.
    """
    if peer.partition(":")[0] in WITH_PORT:
        return peer.rpartition(":")[0], peer
    return (peer,)


def certificate_name(auth_context: Mapping[str, Iterable[bytes]]) -> str:
    """The name in the certificate that a client has shown; empty if it has shown none.

    That is its common name, or if there is none, the first of its alternative names. gRPC has
    verified the certificate.
    """
    for key in ("x509_common_name", "x509_subject_alternative_name"):
        for name in auth_context.get(key, ()):
            return name.decode("utf-8", "backslashreplace")
    return ""


def address_of(peer: str) -> IpAddress:
    """The address in a peer as gRPC names it: "ipv6:%5B::1%5D:41234"."""
    return plain_address(unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]"))


def socket_name(peer: str) -> SocketName:
    """The address and the port of a peer as gRPC names it."""
    return address_of(peer), int(peer.rpartition(":")[2])


def plain_address(host: str) -> IpAddress:
    """IPv4 also where it is written as IPv6, and without a zone."""
    address = ipaddress.ip_address(host.partition("%")[0])
    return (address.version == 6 and address.ipv4_mapped) or address


def is_on_this_machine(client: Client) -> bool:
    """Whether a client's address is one of this machine's: a Unix socket or loopback."""
    address = unquote(client[0])
    return address.startswith(("unix:", "ipv4:127.")) or address in LOOPBACKS


def local_client(connection: socket.socket) -> Client:
    """The client at the other end of a Unix socket: its process, if the system reports it."""
    found = credentials_of(connection)
    return ("unix:",) if found is None else (f"process {found[0]}",)
