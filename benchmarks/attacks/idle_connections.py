"""Connections that say nothing, or no more than HTTP/2's first words."""

from __future__ import annotations

import selectors
import socket
import time

from attacks.http2 import PREFACE, SETTINGS, frame
from attacks.target import Seen, Target, host_and_port, short

SILENT = 1000
AFTER_HANDSHAKE = 200
CONNECT_SECONDS = 1.0
GREETING = PREFACE + frame(SETTINGS, 0, 0, b"")

Kind = tuple[str, str, bytes]
"""What it is, where it goes, and what it says first."""


def idle_connections(target: Target, until: float, seen: Seen) -> None:
    """Half of the silent ones to gRPC, half to the metrics; each opened again when it is closed."""
    kinds: list[Kind] = [
        *[("silent, to gRPC", target.grpc, b"")] * (SILENT // 2),
        *[("silent, to the metrics", target.metrics, b"")] * (SILENT // 2),
        *[("after the handshake", target.grpc, GREETING)] * AFTER_HANDSHAKE,
    ]
    with selectors.DefaultSelector() as selector:
        missing = kinds
        while time.monotonic() < until:
            missing = [kind for kind in missing if not _connect(selector, kind, until, seen)]
            for key, _ in selector.select(0.1):
                missing += _read(selector, key, seen)
        for key in tuple(selector.get_map().values()):
            seen[f"open until the end, {key.data[0]}"] += 1


def _connect(selector: selectors.BaseSelector, kind: Kind, until: float, seen: Seen) -> bool:
    """Whether there is a connection more."""
    if time.monotonic() >= until:
        return False
    try:
        connection = socket.create_connection(host_and_port(kind[1]), CONNECT_SECONDS)
        connection.sendall(kind[2])
    except OSError as error:
        seen[short(f"{kind[0]}: {type(error).__name__} {error}")] += 1
        return False
    selector.register(connection, selectors.EVENT_READ, kind)
    return True


def _read(selector: selectors.BaseSelector, key: selectors.SelectorKey, seen: Seen) -> list[Kind]:
    """The kind of a connection that is closed."""
    connection, kind = key.fileobj, key.data
    assert isinstance(connection, socket.socket)  # noqa: S101 # for types: no other is registered
    try:
        if connection.recv(1 << 16):
            return []
    except OSError:
        pass
    selector.unregister(connection)
    connection.close()
    seen[f"closed by the daemon, {kind[0]}"] += 1
    return [kind]
