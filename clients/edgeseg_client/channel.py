"""The gRPC channel to a daemon, tuned for a board on the LAN."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

import grpc

from edgeseg_client import several_daemons
from edgeseg_client.address import are_several, authority_of, find_socket, split_address
from edgeseg_client.local_names import resolve

_OPTIONS: Final[dict[str, Any]] = {
    # The daemon has limits of its own; GetServerInfo returns them.
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    # A board restarts quickly; by default gRPC waits up to two minutes before it tries again, and
    # an attempt may take 20 seconds, because TCP too waits longer and longer.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 500,
    "grpc.min_reconnect_backoff_ms": 1000,
    # A daemon that lost its power or its network closes no connection; without these pings the
    # client would notice after minutes. Frames go on two seconds after a network is back only if
    # the client has noticed before, because TCP's next attempt may be 10 seconds later. The daemon
    # allows these pings with grpc.http2.min_ping_interval_without_data_ms.
    "grpc.keepalive_time_ms": 2_000,
    "grpc.keepalive_timeout_ms": 4_000,
    # The daemon is on the LAN; an HTTP proxy that is set in the environment is ignored.
    "grpc.enable_http_proxy": 0,
}


def tls_credentials(
    ca: str | PathLike[str],
    *,
    cert: str | PathLike[str] | None = None,
    key: str | PathLike[str] | None = None,
) -> grpc.ChannelCredentials:
    """Credentials for a daemon with TLS, for `Client(credentials=…)`.

    Raises `OSError` if a file cannot be read.

    Args:
        ca: The file of the certificates by which the daemon is known, in PEM format, such as the
            `ca.pem` that `edgesegd tls init` makes.
        cert: The file of this client's own certificate, for a daemon that asks for one.
        key: The file of its key, if that is not in the same file.
    """
    return grpc.ssl_channel_credentials(
        Path(ca).read_bytes(),
        None if cert is None else Path(key or cert).read_bytes(),
        None if cert is None else Path(cert).read_bytes(),
    )


async def open_channels(
    addresses: tuple[str, ...], credentials: grpc.ChannelCredentials | None, count: int = 1
) -> tuple[grpc.aio.Channel, ...]:
    """So many channels to `HOST:PORT` or `unix:///PATH`, with TLS if there are credentials.

    Names are resolved once for all of them. With several addresses, calls go in turn to the daemons
    that serve. A channel connects with its first call. Raises `InvalidRequest` if an address is not
    valid, `WrongAddress` if the path is not a socket, and `Unavailable` if nothing exists at the
    path or no name can be resolved.
    """
    target, options = await _target_of(addresses)
    return tuple(_open(target, options, credentials) for _ in range(count))


async def _target_of(addresses: tuple[str, ...]) -> tuple[str, Mapping[str, Any]]:
    """The gRPC target for the addresses, and the options of a channel to it."""
    address = addresses[0]
    if address.startswith("unix:"):
        return find_socket(address), _OPTIONS
    host, port = split_address(address)
    # Certificates are checked against the name, also if it was resolved here.
    options = {**_OPTIONS, "grpc.default_authority": authority_of(address)}
    if not are_several(addresses):
        return await resolve(host, port) or address, options
    options |= several_daemons.OPTIONS
    if len(addresses) > 1:
        return await several_daemons.target_of(addresses), options
    return await several_daemons.target_of_name(address), options


def _open(
    target: str,
    options: Mapping[str, Any],
    credentials: grpc.ChannelCredentials | None,
) -> grpc.aio.Channel:
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=tuple(options.items()))
    return grpc.aio.secure_channel(target, credentials, options=tuple(options.items()))
