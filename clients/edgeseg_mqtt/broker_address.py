"""Where the broker is, and who connects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from edgeseg_client.errors import InvalidRequest

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker; `str()` of it has no password. `user` and `password` are empty if not given."""

    host: str
    port: int
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def read_address(url: str, password: str = "") -> BrokerAddress:
    """The broker of `mqtt://[USER[:PASSWORD]@]HOST[:PORT]`, or `mqtts://…` for TLS.

    `password` is taken if the URL has none. Raises `InvalidRequest`, whose message quotes nothing
    of the URL: it is logged, and what was taken for a host may be a password.
    """
    before, _, host = url.rpartition("@")
    scheme, separator, user_info = (before or host).partition("://")
    if not separator or scheme.lower() not in _PORTS:
        raise InvalidRequest(f"the broker's address does not begin with mqtt://; {_EXAMPLE}")
    if before:
        host = f"{scheme}://{host}"
    else:
        host, user_info = url, ""
    if set(user_info) & set("/?#"):
        raise InvalidRequest(
            "the user or password in the broker's address has /, ? or #: write %2F, %3F or %23"
            " instead, or give the password in a file with --password-file"
        )
    try:
        parts = urlsplit(host)
        hostname, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidRequest(f"the broker's port or host is not valid; {_EXAMPLE}") from None
    if not hostname:
        raise InvalidRequest(f"the broker's address names no host; {_EXAMPLE}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidRequest(f"the broker's address has more than a host and a port; {_EXAMPLE}")
    user, _, given = user_info.partition(":")
    try:
        user = unquote(user, errors="strict")
        given = unquote(given, errors="strict") or password
        f"{user}{given}".encode()
    except UnicodeError:
        raise InvalidRequest(
            "the user or the password for the broker is not in UTF-8, as MQTT wants it"
        ) from None
    if given and not user:
        raise InvalidRequest("a password needs a user: write mqtt://USER@HOST")
    tls = parts.scheme == "mqtts"
    return BrokerAddress(hostname, port or _PORTS[parts.scheme], tls, user, given)


_EXAMPLE: Final = "write mqtt://USER@HOST:1883, or mqtts://USER@HOST:8883 for TLS"
