"""A message to the broker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """A topic and its payload.

    A retained message is the state of its topic: the broker gives it to later subscribers, and
    the bridge sends it again after each connection. An empty payload removes it from the broker.
    """

    topic: str
    payload: bytes
    retain: bool = True
    qos: int = 1
