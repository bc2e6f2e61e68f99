"""What the bridge is to do."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from edgeseg_client.options import Options
from edgeseg_mqtt.broker_address import BrokerAddress
from edgeseg_mqtt.presence import PresenceRule
from edgeseg_mqtt.source import SourceChoice
from edgeseg_mqtt.topics import Topics


@dataclass(frozen=True, slots=True)
class DaemonAddress:
    """Where the daemon is, and what it wants to see."""

    address: str
    token: str | None
    credentials: grpc.ChannelCredentials | None


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the command line says. Times are in seconds, `image_width` is in pixels.

    `image_every` is 0 if no pictures are wanted. `trusted` is for TLS with the broker.
    """

    daemon: DaemonAddress
    broker: BrokerAddress
    trusted: ssl.SSLContext | None
    client_id: str
    topics: Topics
    sources: Sequence[SourceChoice]
    classes: Sequence[int | str]
    options: Options
    rule: PresenceRule
    fps: float
    every: float
    stale_after: float
    image_every: float
    image_width: int
