"""Checks a daemon's address, so that a wrong one is an error at once and gRPC does not retry it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import quote

from edgeseg_client.errors import InvalidRequest, Unavailable, WrongAddress

# gRPC's own schemes for targets; it checks the host in them itself.
_GRPC_SCHEMES: Final = ("dns:", "ipv4:", "ipv6:")
_HOST: Final = re.compile(r"\[[^\[\]]+\]|[^\[\]:/@]+")
_MAX_PORT: Final = 65535
# Bytes of sockaddr_un.sun_path on Linux without the NUL at its end.
_MAX_UNIX_PATH: Final = 107


def parse_addresses(given: str | Iterable[str]) -> tuple[str, ...]:
    """The addresses in a list, or in `HOST:PORT,HOST:PORT`; hosts and ports are not checked yet.

    Raises `InvalidRequest` if there is none, or if one of several is not to be one of several.
    """
    if isinstance(given, str):
        several = "," in given and not given.startswith("unix:")  # a path may contain a comma
        addresses = [one.strip(" ") for one in given.split(",")] if several else [given]
    else:
        addresses = list(given)
    if not addresses or not all(isinstance(one, str) for one in addresses):
        raise InvalidRequest(f"an address is HOST:PORT, or several of these, not {given!r}")
    for one in addresses if len(addresses) > 1 else ():
        if one.startswith(("unix:", "discover:", *_GRPC_SCHEMES)):
            raise InvalidRequest(
                f"{one!r} cannot be one of several addresses; they are all HOST:PORT, or a single"
                " dns:///NAME:PORT, whose name stands for all the boards"
            )
    return tuple(dict.fromkeys(addresses))


def are_several(addresses: tuple[str, ...]) -> bool:
    """Whether they may lead to several daemons: several, or a name of gRPC's scheme `dns`."""
    return len(addresses) > 1 or addresses[0].startswith("dns:")


def authority_of(address: str) -> str:
    """The `HOST:PORT` of an address, without gRPC's scheme."""
    return address.rpartition("/")[2].removeprefix("dns:")


def split_address(address: str) -> tuple[str, str]:
    """The host and the port of `HOST:PORT`; raises `InvalidRequest` if it is not valid."""
    if any(not character.isprintable() or character.isspace() for character in address):
        raise InvalidRequest(
            f"the address {address!r} contains white space or a character that is not printable"
        )
    if any(character in address for character in "?#,"):
        raise InvalidRequest(f"the address {address!r} is more than one HOST:PORT")
    scheme, mark, _ = address.partition("://")
    if mark and scheme != "dns":
        raise InvalidRequest(
            f"the address {address!r} begins with {scheme}://; write only HOST:PORT, and give"
            " certificates if the daemon uses TLS (credentials= or --ca)"
        )
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdecimal()):
        raise InvalidRequest(
            f"the address {address!r} has no port; write HOST:PORT or unix:///PATH"
        )
    # The length is checked first, because Python refuses to convert very long numbers.
    if len(port) > len(str(_MAX_PORT)) or not 0 < int(port) <= _MAX_PORT:
        raise InvalidRequest(f"the address {address!r} has no port from 1 to {_MAX_PORT}")
    if not address.startswith(_GRPC_SCHEMES) and not _HOST.fullmatch(host):
        advice = f"write [{host}]:{port}" if ":" in host else "write HOST:PORT"
        raise InvalidRequest(f"the address {address!r} has no valid host; {advice}")
    return host, port


def is_on_this_machine(address: str) -> bool:
    """Whether what is sent to `address` stays on this machine."""
    if address.startswith("unix:"):
        return True
    scheme = next((each for each in ("dns:///", *_GRPC_SCHEMES) if address.startswith(each)), "")
    host = address.removeprefix(scheme).rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def find_socket(address: str) -> str:
    """The gRPC target for `unix:///PATH`; it is percent-encoded, because gRPC decodes it as a URI.

    Raises `InvalidRequest` if the path is not valid, `Unavailable` if nothing exists there yet, and
    `WrongAddress` if it is not a socket, or this user may not use it.
    """
    path = address.removeprefix("unix:")
    if path.startswith("//"):
        path = path.removeprefix("//")
        if not path.startswith("/"):
            raise InvalidRequest(f"the address {address!r} has no path; write unix:///PATH")
    if not path or "\0" in path:
        raise InvalidRequest(f"the address {address!r} has no path; write unix:///PATH")
    encoded = os.fsencode(path)
    if len(encoded) > _MAX_UNIX_PATH:
        raise InvalidRequest(
            f"the path of the socket has {len(encoded)} bytes; at most {_MAX_UNIX_PATH} are"
            f" possible: {path!r}"
        )
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Unavailable(
            f"there is no socket {path!r}; the daemon creates it when it starts"
        ) from error
    except OSError as error:
        raise WrongAddress(f"{path!r} cannot be reached: {error.strerror}") from error
    if not stat.S_ISSOCK(mode):
        raise WrongAddress(f"{path!r} is not a socket")
    if not os.access(path, os.R_OK | os.W_OK):
        raise WrongAddress(f"this user may not use the socket {path!r}")
    return f"unix:{quote(encoded)}"
