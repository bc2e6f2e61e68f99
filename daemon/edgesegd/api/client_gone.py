"""What gRPC raises when something is sent to a client that has left."""

from __future__ import annotations

from collections.abc import Awaitable


class ClientGone(Exception):
    """The client has left, so nothing can be sent to it."""


async def send(sending: Awaitable[None]) -> None:
    """Wait until gRPC has sent something; raises ClientGone if it cannot.

    It says so by errors of its core that have no public type. The call is cancelled too, but a task
    that is just sending may get the error first.
    """
    try:
        await sending
    except Exception as error:
        if type(error).__module__.startswith("grpc."):
            raise ClientGone from error
        raise
