"""What gRPC raises when something is sent to a client that has left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class ClientGone(Exception):
    """The client has left, so nothing can be sent to it."""


@contextmanager
def raising_client_gone() -> Iterator[None]:
    """Raise ClientGone if gRPC cannot send what is sent in the block.

    It says so by errors of its core that have no public type. The call is cancelled too, but a task
    that is just sending may get the error first.
    """
    try:
        yield
    except Exception as error:
        if type(error).__module__.startswith("grpc."):
            raise ClientGone from error
        raise
