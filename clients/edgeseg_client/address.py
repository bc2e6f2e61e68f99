"""What can be written as a daemon's address, checked before gRPC tries for long to reach it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final
from urllib.parse import quote

from edgeseg_client.errors import InvalidRequest, Unavailable, WrongAddress

# gRPC's own ways to write targets; their hosts are its affair.
_GRPC_SCHEMES: Final = ("dns:", "ipv4:", "ipv6:")
_HOST: Final = re.compile(r"\[[^\[\]]+\]|[^\[\]:/@]+")
_MAX_PORT: Final = 65535
# Bytes of sockaddr_un.sun_path on Linux, less the NUL at its end.
_MAX_UNIX_PATH: Final = 107


def split_address(address: str) -> tuple[str, str]:
    """The host and the port of `HOST:PORT`; raises `InvalidRequest` for what is none."""
    if any(not character.isprintable() or character.isspace() for character in address):
        raise InvalidRequest(
            f"the address {address!r} has a space or a character in it that no address has"
        )
    scheme, mark, _ = address.partition("://")
    if mark and scheme != "dns":
        raise InvalidRequest(
            f"the address {address!r} begins with {scheme}://; write HOST:PORT alone, and give"
            " certificates where the daemon has TLS (credentials=, or --ca)"
        )
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdecimal()):
        raise InvalidRequest(
            f"the address {address!r} has no port; write HOST:PORT or unix:///PATH"
        )
    # A long number is not read at all: Python refuses to.
    if len(port) > len(str(_MAX_PORT)) or not 0 < int(port) <= _MAX_PORT:
        raise InvalidRequest(f"the address {address!r} has no port from 1 to {_MAX_PORT}")
    if not address.startswith(_GRPC_SCHEMES) and not _HOST.fullmatch(host):
        advice = f"write [{host}]:{port}" if ":" in host else "write HOST:PORT"
        raise InvalidRequest(f"the address {address!r} has no host in it; {advice}")
    return host, port


def find_socket(address: str) -> str:
    """The target of `unix:///PATH` for gRPC, which decodes its targets as URIs.

    Raises `InvalidRequest` for a path that cannot be one, `Unavailable` where nothing is yet, and
    `WrongAddress` where something else is.
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
            f"the path of the socket has {len(encoded)} bytes, and may have {_MAX_UNIX_PATH}:"
            f" {path!r}"
        )
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Unavailable(
            f"there is no socket {path!r}; the daemon makes it when it starts there"
        ) from error
    except OSError as error:
        raise WrongAddress(f"{path!r} cannot be reached: {error.strerror}") from error
    if not stat.S_ISSOCK(mode):
        raise WrongAddress(f"{path!r} is no socket")
    if not os.access(path, os.R_OK | os.W_OK):
        raise WrongAddress(f"this user may not use the socket {path!r}")
    return f"unix:{quote(encoded)}"
