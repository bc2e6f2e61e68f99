"""Reads an address to listen on."""

from __future__ import annotations

from edgeseg_client.address import split_address


def listen_address(address: str) -> tuple[str, int]:
    """The host, without brackets, and the port of `HOST:PORT`; port 0 picks a free one.

    Raises `InvalidRequest` if it is not valid.
    """
    if address.endswith(":0"):
        return split_address(address[:-1] + "1")[0].strip("[]"), 0
    host, port = split_address(address)
    return host.strip("[]"), int(port)
