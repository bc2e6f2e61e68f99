"""Connections that send nothing, or only the first bytes of HTTP/2."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from dataclasses import dataclass

from attacks.http2 import PREFACE, SETTINGS, frame
from attacks.target import Seen, Target, host_and_port, short

SILENT = 1000
AFTER_HANDSHAKE = 200
CONNECT_SECONDS = 0.5
GREETING = PREFACE + frame(SETTINGS, 0, 0, b"")


@dataclass(frozen=True, slots=True)
class Kind:
    """`count` connections to `address` that send only `first`."""

    name: str
    address: str
    first: bytes
    count: int


def idle_connections(target: Target, until: float, seen: Seen) -> None:
    """Half of the silent ones to gRPC, half to the metrics; each is reopened when it is closed."""
    kinds = (
        Kind("silent, to gRPC", target.grpc, b"", SILENT // 2),
        Kind("silent, to the metrics", target.metrics, b"", SILENT // 2),
        Kind("after the handshake", target.grpc, GREETING, AFTER_HANDSHAKE),
    )
    threads = [
        threading.Thread(target=_hold, args=(kind, until, seen), daemon=True) for kind in kinds
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _hold(kind: Kind, until: float, seen: Seen) -> None:
    with selectors.DefaultSelector() as selector:
        while time.monotonic() < until:
            missing = kind.count - len(selector.get_map())
            all(_connect(selector, kind, until, seen) for _ in range(missing))  # up to a failure
            for key, _ in selector.select(0.1):
                _read(selector, key, kind, seen)
        seen[f"{kind.name}: open at the end"] += len(selector.get_map())


def _connect(selector: selectors.BaseSelector, kind: Kind, until: float, seen: Seen) -> bool:
    """Open a connection; whether that worked."""
    if time.monotonic() >= until:
        return False
    try:
        connection = socket.create_connection(host_and_port(kind.address), CONNECT_SECONDS)
        connection.sendall(kind.first)
    except OSError as error:
        seen[short(f"{kind.name}: {type(error).__name__} {error}")] += 1
        return False
    selector.register(connection, selectors.EVENT_READ)
    return True


def _read(
    selector: selectors.BaseSelector, key: selectors.SelectorKey, kind: Kind, seen: Seen
) -> None:
    """Read what the daemon sends, and remove connections that it closed."""
    connection = key.fileobj
    assert isinstance(connection, socket.socket)  # noqa: S101 # for types: no other is registered
    try:
        if connection.recv(1 << 16):
            return
    except OSError:
        pass
    selector.unregister(connection)
    connection.close()
    seen[f"{kind.name}: closed by the daemon"] += 1
