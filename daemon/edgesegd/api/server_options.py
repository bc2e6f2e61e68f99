"""How gRPC serves."""

from __future__ import annotations

UNREAD_BYTES = 256 << 10
"""Of a stream: more than a JPEG of most cameras."""
MIN_STREAMS = 100
"""Of a connection, as RFC 9113 recommends."""
HANDSHAKE_MS = 10_000
"""From a connection's beginning to its first sign of HTTP/2."""


def server_options(
    *,
    max_calls: int,
    max_connections: int,
    idle_seconds: float,
    decompress: bool,
    max_frame_bytes: int,
) -> list[tuple[str, int]]:
    """GRPC's own limits; a frame over the limit is refused by itself, not with its whole stream."""
    return [
        # Of a connection; others wait at the client's, and cost nothing here.
        ("grpc.max_concurrent_streams", max(MIN_STREAMS, max_calls // 4)),
        ("grpc.max_allowed_incoming_connections", max_connections),
        ("grpc.max_connection_idle_ms", round(idle_seconds * 1000)),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        # Otherwise a compressed message is none of the contract, as we tell its sender. gRPC would
        # refuse it too, as fast as it can be asked, with what it may have inflated by then.
        ("grpc.per_message_decompression", int(decompress)),
        ("grpc.max_receive_message_length", 2 * max_frame_bytes),
        ("grpc.max_send_message_length", -1),
        # What a client may send before it is read, of each stream. gRPC would estimate it, and on a
        # busy board was seen to come to 100 MB.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", UNREAD_BYTES),
        ("grpc.so_reuseport", 0),  # a second daemon on the port must fail, not share it
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
