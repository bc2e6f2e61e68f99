"""The options of the gRPC server."""

from __future__ import annotations

UNREAD_BYTES = 256 << 10
"""HTTP/2 window of a stream: more than a JPEG of most cameras."""
MIN_STREAMS = 100
"""Least limit of streams per connection, as RFC 9113 recommends."""
HANDSHAKE_MS = 10_000
"""From a connection's beginning to the end of its HTTP/2 handshake."""


def server_options(
    *,
    max_calls: int,
    max_connections: int,
    idle_seconds: float,
    connection_seconds: float,
    decompress: bool,
    max_frame_bytes: int,
) -> list[tuple[str, int]]:
    """GRPC's own limits; its message limit is wide, so that a large frame fails, not its stream.

    After `connection_seconds`, a tenth more or less, a connection takes no new call; 0 for no
    limit. Calls that are open go on.
    """
    age = [("grpc.max_connection_age_ms", round(connection_seconds * 1000))]
    return [
        *(age if connection_seconds else []),
        # For each connection; further streams wait in the client, at no cost here.
        ("grpc.max_concurrent_streams", max(MIN_STREAMS, max_calls // 4)),
        ("grpc.max_allowed_incoming_connections", max_connections),
        ("grpc.max_connection_idle_ms", round(idle_seconds * 1000)),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        # If this is off, a compressed message is refused by the daemon, which delays refusals. gRPC
        # would refuse it at once, as often as it is sent, after it may have inflated much of it.
        ("grpc.per_message_decompression", int(decompress)),
        ("grpc.max_receive_message_length", 2 * max_frame_bytes),
        ("grpc.max_send_message_length", -1),
        # How much of each stream a client may send before it is read. gRPC would estimate this; on
        # a busy board its estimate rose to 100 MB.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", UNREAD_BYTES),
        ("grpc.so_reuseport", 0),  # a second daemon on the port must fail, not share it
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
