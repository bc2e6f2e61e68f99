"""The gRPC channel to a daemon, tuned for a board on the LAN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import grpc

from edgeseg_client.address import find_socket, split_address
from edgeseg_client.local_names import resolve

_OPTIONS: Final[tuple[tuple[str, Any], ...]] = (
    # The daemon has the limits; GetServerInfo says them.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Boards come back in a second, not in gRPC's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A peer that lost its power or its radio says nothing; without this it is missed for minutes.
    # The daemon has to allow it (grpc.http2.min_ping_interval_without_data_ms), or it cuts streams
    # that are idle for minutes, which then connect again.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # The daemon is on the LAN; a proxy would lead away from it.
    ("grpc.enable_http_proxy", 0),
)


async def open_channel(
    address: str, credentials: grpc.ChannelCredentials | None
) -> grpc.aio.Channel:
    """A channel to `HOST:PORT` or `unix:///PATH`, with TLS where there are credentials.

    Connects with the first call. Raises `InvalidRequest` for what is no address, `WrongAddress` for
    a path where no socket is, and `Unavailable` for one where nothing is and for a name that the
    network does not know.
    """
    if address.startswith("unix:"):
        return _open(find_socket(address), _OPTIONS, credentials)
    host, port = split_address(address)
    # Certificates are for the name, even where it is resolved here.
    options = (*_OPTIONS, ("grpc.default_authority", address))
    return _open(await resolve(host, port) or address, options, credentials)


def _open(
    target: str,
    options: Sequence[tuple[str, Any]],
    credentials: grpc.ChannelCredentials | None,
) -> grpc.aio.Channel:
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=options)
    return grpc.aio.secure_channel(target, credentials, options=options)
