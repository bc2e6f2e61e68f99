"""Makes the client that the settings describe."""

from __future__ import annotations

from typing import Final

import grpc

from edgeseg_client import Client
from edgeseg_ros.parameters import Settings

_RETRY_FOR: Final = 1.0
"""Seconds for which the client tries again before the loss of the daemon is reported."""
_CALL_SECONDS: Final = 5.0


def open_client(settings: Settings) -> Client:
    """A client of the daemon; it connects with its first call."""
    credentials = None
    if settings.ca is not None:
        credentials = grpc.ssl_channel_credentials(settings.ca)
    return Client(
        settings.server,
        token=settings.token,
        credentials=credentials,
        timeout=_CALL_SECONDS,
        retry_for=_RETRY_FOR,
        shared_memory=settings.shared_memory,
    )
