"""The daemon that is attacked, and what an attack is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

Seen = Counter[str]
"""What the attacker was answered, and how often."""

DETAILS = 100
"""Characters of an answer that are kept."""


@dataclass(frozen=True, slots=True)
class Target:
    """Addresses of one daemon: gRPC and metrics over TCP as HOST:PORT, and its Unix socket."""

    grpc: str
    metrics: str
    socket: str


@dataclass(frozen=True, slots=True)
class Attack:
    """`run` attacks until a time of `time.monotonic`, and counts the answers in `Seen`.

    `prepare` makes what it sends, before the time starts. `local` attacks are made by clients on
    the same board; the good client then has shared memory.
    """

    name: str
    what: str
    run: Callable[[Target, float, Seen], None]
    prepare: Callable[[], object] = object
    local: bool = False


def short(text: str) -> str:
    """An answer in one line that can be counted."""
    line = " ".join(text.split())
    return line if len(line) <= DETAILS else line[: DETAILS - 1] + "…"


def host_and_port(address: str) -> tuple[str, int]:
    """HOST:PORT for a socket."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
